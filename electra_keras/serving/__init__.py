"""Room of serving: a trained run in, a SavedModel and answers out.

Comes in: a run folder.
Goes out: `DIR/<version>/`, a SavedModel for TF Serving: text in, replaced
probability and embedding per token out; and token ids in.
Start reading: `signatures.py`, `served_text.py`, `export.py`, then `display.py`.
"""
