"""Room of fine-tuning: labelled files and predictions in, rows and metrics out.

Comes in: a file of `configs/tasks/`, labelled files, a tokenizer; predictions.
Goes out: encoded rows as numpy arrays, lists of what was set aside, metrics.
Start reading: `task_config.py`, `set_aside.py`, a `*_files.py`, `encoding.py`,
`tasks/`, then `metrics/`.
"""
