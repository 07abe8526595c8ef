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
        summary: "clusters" of different texts, "sizes" (clusters by their
            number of texts) and "top": size and the first ids, each of another
            text, of the largest ones.
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
            is_here, places = file.find(ids)
            if is_here.any():
                prints[is_here] = file.prints()[places]
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
    edges = _find_all_edges(files, folder=folder, runner=runner, threshold=threshold)
    dropped, kept = find_duplicates(edges)
    keepers = np.unique(kept)
    ids, clusters = np.append(dropped, keepers), np.append(kept, keepers)
    summary = _describe_clusters(ids, clusters, _load_texts(files, ids))
    shown = np.array(sorted(i for _, ids in summary["top"] for i in ids), np.uint64)
    stream = io.BytesIO()
    np.savez(stream, dropped=dropped, shown=shown)
    path = storage.write_by_content(folder, LIST_FILE, stream.getvalue())
    return NearDuplicates(path, summary)


def _find_all_edges(
    files: tuple[SignatureFile, ...], *, folder: str, runner: Runner, threshold: float
) -> np.ndarray:
    """Finds the pairs of all bands: uint64 (edges, 2), some more than once."""
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
    return np.concatenate([np.empty(0, np.uint64), *edges]).reshape(-1, 2)


def _load_texts(files: Sequence[SignatureFile], ids: np.ndarray) -> np.ndarray:
    """Returns the hash of the text of each document."""
    texts = np.empty(len(ids), np.uint64)
    for file in files:
        is_here, places = file.find(ids)
        if is_here.any():
            texts[is_here] = file.texts()[places]
    return texts


def _describe_clusters(
    ids: np.ndarray, clusters: np.ndarray, texts: np.ndarray
) -> dict[str, Any]:
    """Counts clusters by their different texts: equal ones are no near-duplicates.

    Args:
        ids: uint64 (M,): all documents of clusters, in any order.
        clusters: uint64 (M,): the smallest id of the cluster of each.
        texts: uint64 (M,): the hash of the text of each.

    Returns:
        The summary of `NearDuplicates`.
    """
    order = np.lexsort((ids, texts, clusters))
    ids, clusters, texts = ids[order], clusters[order], texts[order]
    is_new = np.ones(len(ids), bool)  # The first of its text and cluster.
    is_new[1:] = (clusters[1:] != clusters[:-1]) | (texts[1:] != texts[:-1])
    ids, clusters = ids[is_new], clusters[is_new]
    order = np.lexsort((ids, clusters))
    ids, clusters = ids[order], clusters[order]
    _, starts, sizes = np.unique(clusters, return_index=True, return_counts=True)
    starts, sizes = starts[sizes > 1], sizes[sizes > 1]
    by_size = Counter(sizes.tolist())
    largest = np.lexsort((starts, -sizes))[:_TOP_CLUSTERS].tolist()
    return {
        "clusters": len(sizes),
        "sizes": {str(size): by_size[size] for size in sorted(by_size)},
        "top": [
            (
                int(sizes[number]),
                ids[starts[number] :][: min(sizes[number], _SHOWN_MEMBERS)].tolist(),
            )
            for number in largest
        ],
    }
