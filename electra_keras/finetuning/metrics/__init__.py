"""Room of metrics: what was predicted and what is right in, figures out.

Comes in: predictions and labels, as numpy arrays, tags or texts.
Goes out: a dict of figures by name, rates from 0 to 1.
Start reading: `classification.py`, then `correlation.py`, `entities.py`, `answers.py`.
"""
