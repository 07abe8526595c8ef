"""Pre-train, evaluate and serve your own ELECTRA on Keras 3 and TensorFlow.

Comes in: shards of tokenized text, written by `beam_pipelines`.
Goes out: a run folder (checkpoints, metrics, curves) and a SavedModel.
Start reading: `config.py`, then the rooms `data`, `models`, `objectives`,
`training`, `serving`, which follow the data in this order.
"""

__version__ = "0.1.0"
