"""What the objectives have in common.

Comes in: a masked batch, logits of the networks.
Goes out: samples, labels, losses; the class that every objective derives from.
Start reading: `objective.py`, then `corruption.py` and `losses.py`; `registry.py`
finds an objective by its name.
"""
