"""Room of the demo: exported models in, a local page that shows what they see out.

Comes in: versions' folders, written by `serving/export.py`.
Goes out: a page and a JSON API on the loopback interface.
Start reading: `pieces.py`, `answers.py`, `corruption.py`, `door.py`, then `server.py`.
"""
