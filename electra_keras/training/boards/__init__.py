"""Room of boards: what TensorBoard shows of a run beside its curves.

Comes in: a batch of held-out text, networks, a resolved configuration.
Goes out: text, histograms, hyperparameters, embeddings and profiles in `RUN/logs`.
Start reading: `held_out.py`, which asks the networks, then the board of your choice;
`../onlookers.py` joins them.
"""
