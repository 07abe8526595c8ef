"""Room of the objectives: masked batch and networks in, losses out.

Comes in: a masked batch and the two networks.
Goes out: a corrupted batch, sums of losses and what the metrics need.
Start reading: `corruption.py` (sampling and labels), then `electra.py`.
"""
