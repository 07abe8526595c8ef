"""What one document is, on its way from a file to a shard.

`readers/` give `RawDocument`s; `cleaning` turns them into the text that
`splitting.py` hashes and places.
"""

from __future__ import annotations

from typing import NamedTuple


class RawDocument(NamedTuple):
    """A document as found in a file.

    Attributes:
        offset: Byte of the uncompressed file at which it starts; in Parquet
            the number of its row.
        text: UTF-8, possibly malformed. Lines end with a newline; an empty
            line is a change of speaker and stands nowhere else. b"" where
            there is a `problem`.
        problem: Why it cannot be read, such as "json_invalid"; "" if it can.
        id: From the key of the source that names documents; "" if none.
    """

    offset: int
    text: bytes
    problem: str = ""
    id: str = ""
