"""Room of the readers: one range of one file in, documents out.

Comes in: a `FileRange` of `sources.py` and the `InputConfig` of its input.
Goes out: `RawDocument`s, each exactly once whatever the size of the ranges.
Start reading: `dispatch.py`, `lines.py`, `text.py`, `jsonl.py`, then
`fields.py`, `tables.py` and `parquet.py`.
"""
