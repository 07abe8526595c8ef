"""Ids of documents in, how many stand more than once out.

`documents.py` collects a hash of each id where the input names a key of ids;
`reading.py` writes those of a range aside, `stats.py` counts. An id tells where
a document came from and decides nothing: documents that share one stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from beam_pipelines import storage

FOLDER = "work/ids"
_HASH_BYTES = 8
_PART_DOCUMENTS = 20_000_000  # That are sorted at once, 8 bytes each.


class DocumentIds:
    """Collects the ids of one range.

    Args:
        input_index: Of its input; ids of different inputs are never equal.
    """

    def __init__(self, input_index: int) -> None:
        self._salt = input_index.to_bytes(8, "little")
        self._hashes = bytearray()

    def add(self, ids: Iterable[str]) -> None:
        """Adds ids; "" is none."""
        for id in ids:
            if id:
                text = id.encode("utf-8", "surrogatepass")
                self._hashes += hashlib.blake2b(
                    text, digest_size=_HASH_BYTES, salt=self._salt
                ).digest()

    def write(self, folder: str, name: str) -> list[list[object]]:
        """Writes what was collected, if anything.

        Returns:
            The file as `jobs.Task` wants it: [[path below folder, bytes,
            sha256]], or [].
        """
        if not self._hashes:
            return []
        storage.make_folder(storage.join(folder, FOLDER))
        path = f"{FOLDER}/{name}.ids"
        written = storage.write_file(storage.join(folder, path), [bytes(self._hashes)])
        return [[path, *written]]


def count_duplicate_ids(rows: Iterable[Mapping[str, Any]], folder: str) -> int:
    """Counts the documents whose id an earlier one has.

    Args:
        rows: Of all ranges: "ids" are the files of `DocumentIds`.
        folder: Where the outputs are made.
    """
    files = [file for row in rows for file in row["ids"]]
    documents = sum(size_bytes for _, size_bytes, _ in files) // _HASH_BYTES
    parts = 1 + documents // _PART_DOCUMENTS
    return documents - sum(
        _count_different(files, folder, part, parts) for part in range(parts)
    )


def _count_different(files: list[list[Any]], folder: str, part: int, parts: int) -> int:
    """Counts the different hashes of a part of all possible ones."""
    found = [np.empty(0, "<u8")]
    for path, _, _ in files:
        hashes = np.frombuffer(storage.read_file(storage.join(folder, path)), "<u8")
        found.append(hashes[hashes % np.uint64(parts) == part])
    return len(np.unique(np.concatenate(found)))
