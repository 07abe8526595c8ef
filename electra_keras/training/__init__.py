"""Room of training: networks and batches in, a run folder out.

Comes in: an `ExperimentConfig`, a data folder, an objective.
Goes out: checkpoints, TensorBoard logs, metrics and curves in a run folder.
Start reading: `pretrainer.py` (the step), `optimizer.py`, `strategies.py`,
`checkpoints.py`, `saver.py`, `monitoring.py`, `onlookers.py`, then `run.py`, which
joins them.
"""
