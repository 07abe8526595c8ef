"""Room of the kinds of task: rows of labelled files in, rows of ids out.

Comes in: rows of the readers, a `PieceFinder`.
Goes out: `EncodedRow`s with labels, unpadded, and what was cut.
Start reading: `text_encoding.py`, then `tag_encoding.py`, `question_encoding.py`.
"""
