"""Room of fine-tuning: a task, its labelled files and a pre-trained model in.

Comes in: a file of `configs/tasks/`, labelled files, a model of any known format.
Goes out: a folder with tuned networks, predictions, figures and a report.
Start reading: `task_config.py`, a `*_files.py`, `tasks/task_kind.py`, `task_data.py`,
`batches.py`, `task_network.py`, `trial.py`, then `tuning.py`.
"""
