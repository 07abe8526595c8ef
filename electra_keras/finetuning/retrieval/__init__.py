"""Room of retrieval: questions with their answers in, a network that finds answers out.

Comes in: a file of questions, answers and moods, a model of any known format.
Goes out: a folder with tuned networks, a table beside TF-IDF and BM25, answers.
Start reading: `chat_pairs.py`, `pair_batches.py`, `vector_network.py`,
`contrastive.py`, `ranking.py`, `retrieval_trial.py`, then `chatbot.py`.
"""
