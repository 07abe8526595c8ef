"""Room of the kinds of task: labelled rows in, predictions and figures out.

Comes in: rows of the readers, a `PieceFinder`, outputs of the network.
Goes out: unpadded examples, heads, losses, predictions, figures.
Start reading: `task_kind.py`, then `classification.py` and `text_encoding.py`.
"""
