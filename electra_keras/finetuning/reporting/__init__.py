"""Room of the report of a fine-tuning: figures and predictions in, pages out.

Comes in: the data of a task, its trials' results and predictions, their curves.
Goes out: `report.html` and `report.md`, which say the same.
Start reading: `report.py`, `outcome.py`, `findings.py`, a `*_findings.py`, the
`*_section(s).py`, then `blocks.py` and the two pages.
"""
