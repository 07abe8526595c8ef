"""Room of the other formats: Hugging Face, TF1 checkpoints, and back.

Comes in: a run folder, an export, a Hugging Face folder or a TF1 checkpoint.
Goes out: weights in our networks, or a folder that other programs load.
Start reading: `names.py` (one table of names), `weights.py` (a network as named
tensors, read one at a time), `huggingface.py`, `tf1.py`, then `conversion.py`.
"""
