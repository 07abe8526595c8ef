"""Signatures of documents on disk, in columns that are read one at a time.

Written while documents are read, read by `job.py`: ids and one band's keys to
find candidates, prints (a byte of each row of the signature) to compare them,
hashes of the texts to tell copies from near-duplicates. A file holds N documents:

    uint64 N | uint64 ids (N,) | uint64 texts (N,) | uint64 keys (BANDS, N)
             | uint8 (N, PERMUTATIONS)
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from beam_pipelines import storage
from beam_pipelines.characters import code_points, document_spans
from beam_pipelines.document_blocks import pack_ids
from beam_pipelines.near_duplicates.clusters import make_entries
from beam_pipelines.near_duplicates.signatures import (
    BANDS,
    PERMUTATIONS,
    make_signatures,
)
from beam_pipelines.text_hashes import SpanHasher

FOLDER = "work/signatures"
_FLUSH_DOCUMENTS = 500_000  # 120 MB.
_COLUMNS_BEFORE_KEYS = 2


class SignatureWriter:
    """Collects the signatures of one range.

    Args:
        folder: Where the outputs are made.
        name: Of the range.
    """

    def __init__(self, folder: str, name: str) -> None:
        self._folder = folder
        self._name = name
        self._ids: list[np.ndarray] = []
        self._texts: list[np.ndarray] = []
        self._keys: list[np.ndarray] = []
        self._prints: list[np.ndarray] = []
        self._documents = 0
        self._files: list[list[Any]] = []

    def add(self, texts: list[bytes], source_index: int, offsets: np.ndarray) -> None:
        """Adds documents.

        Args:
            texts: UTF-8.
            source_index: Of their file.
            offsets: uint64 (N,).
        """
        joined = b"\0".join(texts).decode("utf-8")
        ids = pack_ids(np.full(len(texts), source_index), offsets)
        entries = make_entries(ids, make_signatures(joined))
        self._ids.append(entries.ids)
        # Those without characters have no entries.
        self._texts.append(_hash_texts(joined)[np.isin(ids, entries.ids)])
        self._keys.append(entries.keys.reshape(-1, BANDS))
        self._prints.append(entries.prints)
        self._documents += len(entries.ids)
        if self._documents >= _FLUSH_DOCUMENTS:
            self._flush()

    def _flush(self) -> None:
        path = f"{FOLDER}/{self._name}-{len(self._files):04d}.columns"
        blocks = [
            np.array([self._documents], "<u8").tobytes(),
            np.concatenate(self._ids).astype("<u8").tobytes(),
            np.concatenate(self._texts).astype("<u8").tobytes(),
            np.ascontiguousarray(np.concatenate(self._keys).T, "<u8").tobytes(),
            np.concatenate(self._prints).tobytes(),
        ]
        storage.make_folder(storage.join(self._folder, FOLDER))
        written = storage.write_file(storage.join(self._folder, path), blocks)
        self._files.append([path, *written, self._documents])
        self._ids, self._texts, self._keys, self._prints = [], [], [], []
        self._documents = 0

    def close(self) -> list[list[Any]]:
        """Writes what is left.

        Returns:
            [path below the folder, bytes, sha256, documents] of each file.
        """
        if self._documents:
            self._flush()
        return self._files


def _hash_texts(joined: str) -> np.ndarray:
    points = code_points(joined)
    return SpanHasher(points).spans(*document_spans(points))


@dataclasses.dataclass(frozen=True)
class SignatureFile:
    """One file of signatures, to read columns of.

    Attributes:
        path: Of the file.
        documents: N.
    """

    path: str
    documents: int

    def ids(self) -> np.ndarray:
        """Ids, ascending: uint64 (N,)."""
        return self._column(0)

    def texts(self) -> np.ndarray:
        """Hashes of the texts: uint64 (N,)."""
        return self._column(1)

    def keys(self, band: int) -> np.ndarray:
        """The keys of one band: uint64 (N,)."""
        return self._column(_COLUMNS_BEFORE_KEYS + band)

    def find(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Looks for documents.

        Args:
            ids: uint64 (M,), in any order.

        Returns:
            Which of them are in this file, bool (M,), and the places of these.
        """
        known = self.ids()
        places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        is_here = known[places] == ids
        return is_here, places[is_here]

    def _column(self, number: int) -> np.ndarray:
        start = 8 + 8 * self.documents * number
        return np.frombuffer(self._read(start, 8 * self.documents), "<u8")

    def prints(self) -> np.ndarray:
        """The low bytes of the signatures: uint8 (N, PERMUTATIONS)."""
        start = 8 + 8 * self.documents * (_COLUMNS_BEFORE_KEYS + BANDS)
        data = self._read(start, self.documents * PERMUTATIONS)
        return np.frombuffer(data, np.uint8).reshape(-1, PERMUTATIONS)

    def _read(self, start: int, length: int) -> bytes:
        with storage.open_file(self.path) as file:
            file.seek(start)
            return file.read(length)
