"""Last station: what a run did, in words, tables and pictures.

Comes in: the content of `stats.json` and `info.json`, the resolved settings,
and finished data folders.
Goes out: `report.html`, the data card, and what the commands `inspect` and
`diff` print.
Start reading: `report.py` and its template, `data_card.py`; then `examples.py`
and `comparison.py`, which read finished folders.
"""
