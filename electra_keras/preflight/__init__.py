"""Room of the preflight: a configuration and a data folder in, what is wrong out.

Comes in: `ExperimentConfig`, a data folder with `info.json` and `stats.json`.
Goes out: findings, each ok, a warning or doomed, with number, cause and fix.
Start reading: `finding.py`, `evidence.py` (what is read), `data_checks.py`,
`setting_checks.py`, then `examination.py`, which joins them, and `table.py`.
"""
