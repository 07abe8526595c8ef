"""Signatures of all documents in, the list of near-duplicates out.

Between reading and writing:

    bands of keys -> documents with equal keys -> compared -> edges -> clusters

Candidates are searched by band and part of the key space, each a unit of work
that holds one column of keys; the edges are few, so one process joins them.
"""

from __future__ import annotations

import dataclasses
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from beam_pipelines import storage
from beam_pipelines.jobs import Row, Unit, run_units
from beam_pipelines.near_duplicates.clusters import (
    BandEntries,
    find_duplicates,
    find_edges,
)
from beam_pipelines.near_duplicates.signature_files import SignatureFile
from beam_pipelines.near_duplicates.signatures import BANDS, PERMUTATIONS
from beam_pipelines.runners import Runner

LIST_FILE = "work/near_duplicates.npz"
_EDGES_FOLDER = "work/edges"
_PART_DOCUMENTS = 20_000_000  # 16 bytes each, and as much again to sort them.
_TOP_CLUSTERS = 10
_SHOWN_MEMBERS = 4


@dataclasses.dataclass(frozen=True)
class NearDuplicates:
    """What was found.

    Attributes:
        path: File of the ids to drop and of those to show.
        summary: "clusters", "sizes" (clusters by size) and "top": size and
            the first ids of the largest ones.
    """

    path: str
    summary: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class FindEdges:
    """Task: compares documents with equal keys in one band.

    Attributes:
        folder: Where the outputs are made.
        files: All signature files, in the order of their ids.
        parts: Parts of the key space.
        threshold: Least estimated similarity.
    """

    folder: str
    files: tuple[SignatureFile, ...]
    parts: int
    threshold: float

    def run(self, payload: tuple[int, int]) -> Row:
        """Finds the edges of a band's part of the key space."""
        band, part = payload
        ids, keys = [], []
        for file in self.files:
            file_keys = file.keys(band)
            is_here = file_keys % np.uint64(self.parts) == part
            ids.append(file.ids()[is_here])
            keys.append(file_keys[is_here])
        edges = find_edges(
            [self._candidates(np.concatenate(ids), np.concatenate(keys))],
            self.threshold,
        )
        path = f"{_EDGES_FOLDER}/{band:02d}-{part:04d}.edges"
        storage.make_folder(storage.join(self.folder, _EDGES_FOLDER))
        data = np.ascontiguousarray(edges, "<u8").tobytes()
        written = storage.write_file(storage.join(self.folder, path), [data])
        return {"files": [[path, *written]], "edges": path}

    def _candidates(self, ids: np.ndarray, keys: np.ndarray) -> BandEntries:
        """Keeps documents that share their key with another, with their prints."""
        order = np.argsort(keys, kind="stable")
        same = keys[order][1:] == keys[order][:-1]
        is_shared = np.append(same, False) | np.append(False, same)
        shared = np.sort(order[is_shared])
        ids, keys = ids[shared], keys[shared]
        prints = np.empty((len(ids), PERMUTATIONS), np.uint8)
        for file in self.files:
            known = file.ids()
            places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
            is_here = known[places] == ids
            if is_here.any():
                prints[is_here] = file.prints()[places[is_here]]
        return BandEntries(ids, prints, keys, np.arange(len(ids), dtype=np.int32))


def find_near_duplicates(
    read: Sequence[Row], *, folder: str, runner: Runner, threshold: float
) -> NearDuplicates:
    """Finds the near-duplicates of all documents read.

    Args:
        read: Rows of reading, with "signatures".
        folder: Where the outputs are made.
        runner: Runs the pipeline.
        threshold: Least estimated similarity.

    Raises:
        ElectraError: A step failed.
    """
    files = tuple(
        SignatureFile(storage.join(folder, path), documents)
        for row in read
        for path, _, _, documents in row["signatures"]
    )
    documents = sum(file.documents for file in files)
    parts = 1 + documents // _PART_DOCUMENTS
    units = [
        Unit(f"{band:02d}-{part:04d}", (band, part))
        for band in range(BANDS)
        for part in range(parts)
    ]
    task = FindEdges(folder, files, parts, threshold)
    rows = run_units("near", units if files else [], task, folder=folder, runner=runner)
    edges = [
        np.frombuffer(storage.read_file(storage.join(folder, row["edges"])), "<u8")
        for row in rows.values()
    ]
    all_edges = np.concatenate([np.empty(0, np.uint64), *edges]).reshape(-1, 2)
    members, first = find_duplicates(all_edges)
    return _write_list(members, first, folder)


def _write_list(members: np.ndarray, first: np.ndarray, folder: str) -> NearDuplicates:
    """Writes the ids to drop.

    Args:
        members: uint64 (D,): documents to drop, ascending.
        first: uint64 (D,): the earliest document of the cluster of each.
        folder: Where the outputs are made.
    """
    keepers, sizes = np.unique(first, return_counts=True)
    sizes = sizes + 1
    order = np.lexsort((keepers, -sizes))[:_TOP_CLUSTERS]
    top: list[tuple[int, list[int]]] = []
    for number in order.tolist():
        others = members[first == keepers[number]][: _SHOWN_MEMBERS - 1].tolist()
        top.append((int(sizes[number]), [int(keepers[number]), *others]))
    shown = np.array(sorted(i for _, ids in top for i in ids), np.uint64)
    stream = io.BytesIO()
    np.savez(stream, dropped=members, shown=shown)
    path = storage.write_by_content(folder, LIST_FILE, stream.getvalue())
    by_size = Counter(sizes.tolist())
    summary = {
        "clusters": len(keepers),
        "sizes": {str(size): by_size[size] for size in sorted(by_size)},
        "top": top,
    }
    return NearDuplicates(path, summary)
