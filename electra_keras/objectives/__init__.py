"""Room of the objectives: masked batch and networks in, losses out.

Comes in: a masked batch.
Goes out: sums of losses and what the metrics need.
Start reading: `shared/objective.py` (what an objective is), `shared/corruption.py`
(sampling and labels), then `electra.py`. Every file here is one objective, by the
name that `train.objective` has.
"""
