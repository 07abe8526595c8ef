"""Room of the plans: a configuration in, what a run of it will take out.

Comes in: `ExperimentConfig`, and if there are any a data folder's `info.json`.
Goes out: parameters, FLOPs, memory, tokens, epochs and hours, before any training.
Start reading: `plan.py`, then `outlines.py` (the networks without their weights),
`flops.py`, `memory.py`, `devices.py` and `throughput.py` (measured steps).
"""
