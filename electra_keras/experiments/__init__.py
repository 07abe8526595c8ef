"""Room of experiments: what several pre-trainings are worth, side by side.

Comes in: a file of `configs/experiments/`, preprocessed text, labelled files.
Goes out: runs, a line of results a fine-tuning, a table, pictures.
Start reading: `compare_config.py`, then `comparison.py`.
"""
