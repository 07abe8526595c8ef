"""Documents of a shard in, those that are packed out, in the shard's order.

Used by `shards.py`. Equal documents have the same hash and so meet in one
shard; near-duplicates were found before and are on a list. The earliest copy,
by file and place in it, stays.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from beam_pipelines import storage
from beam_pipelines.document_blocks import (
    DocumentBlock,
    columns_to_hashes,
    unpack_id,
)
from beam_pipelines.rejected import RejectedDocuments
from beam_pipelines.splitting import TRAIN, ShardKey, copies_of

if TYPE_CHECKING:
    from beam_pipelines.shards import ShardSettings

_TOP = 20  # Groups of copies that a shard tells of, and the report shows.
_EXCERPT_CHARACTERS = 200


@dataclasses.dataclass(frozen=True)
class ChosenDocuments:
    """What a shard packs.

    Attributes:
        texts: UTF-8, sorted by hash; further copies, where a weight asks for
            them, come after all the rest.
        hashes: What keys the randomness of each: 16 bytes.
        source_indices: Of the first `unique` ones.
        offsets: Of the first `unique` ones.
        unique: Documents, each counted once.
        copy_groups: Groups of equal documents.
        top_copies: The largest of them.
        shown: Excerpts of the documents that near-duplicates are shown by.
    """

    texts: list[bytes]
    hashes: list[bytes]
    source_indices: np.ndarray
    offsets: np.ndarray
    unique: int
    copy_groups: int
    top_copies: list[dict[str, Any]]
    shown: dict[str, str]

    def describe(
        self, number: int, sources: tuple[tuple[str, int], ...]
    ) -> dict[str, Any]:
        """Says where a document came from, as `RejectedDocuments.add` wants it."""
        return {
            "source": sources[self.source_indices[number]][0],
            "offset": int(self.offsets[number]),
            "text": self.texts[number],
        }


def choose_documents(
    key: ShardKey,
    block: DocumentBlock,
    settings: ShardSettings,
    rejected: RejectedDocuments,
) -> ChosenDocuments:
    """Sorts documents, drops copies and repeats those of heavy inputs.

    Args:
        key: Split and index of the shard; held-out documents never repeat.
        block: All documents of the shard, in any order.
        settings: Of all shards.
        rejected: Gets the copies.
    """
    texts = block.texts()
    order = np.lexsort((block.ids, block.hashes[:, 1], block.hashes[:, 0]))
    first = np.ones(len(order), bool)
    sorted_hashes = block.hashes[order]
    first[1:] = (sorted_hashes[1:] != sorted_hashes[:-1]).any(axis=1)
    group_sizes = np.diff(np.flatnonzero(np.append(first, True)))
    top_copies = _top_copies(group_sizes, order, block, texts, settings)
    near, shown_ids = _load_near_duplicates(settings.near_duplicates)
    ids = block.ids[order]
    shown = _excerpts(np.flatnonzero(np.isin(ids, shown_ids)), ids, order, texts)
    if settings.config.deduplication.exact:
        _reject(rejected, "duplicate", order[~first], block, texts, settings)
        order, ids = order[first], ids[first]
    is_near = np.isin(ids, near)
    if is_near.any():
        _reject(rejected, "near_duplicate", order[is_near], block, texts, settings)
        order = order[~is_near]
    unique = len(order)
    hashes = columns_to_hashes(block.hashes[order])
    if key[0] == TRAIN:
        order, hashes = _repeat(order, hashes, block, settings)
    return ChosenDocuments(
        [texts[i] for i in order.tolist()],
        hashes,
        block.source_indices[order[:unique]],
        block.offsets[order[:unique]],
        unique,
        int(np.count_nonzero(group_sizes > 1)),
        top_copies,
        shown,
    )


def _repeat(
    order: np.ndarray,
    hashes: list[bytes],
    block: DocumentBlock,
    settings: ShardSettings,
) -> tuple[np.ndarray, list[bytes]]:
    """Appends further copies, each with randomness of its own."""
    config = settings.config
    weights = np.array([config.inputs[index].weight for _, index in settings.sources])
    weights = weights * config.read.sample_rate
    if (weights <= 1).all():
        return order, hashes
    copies = copies_of(block.hashes[order], weights[block.source_indices[order]])
    parts, keys = [order], list(hashes)
    for number in range(1, int(copies.max(initial=1))):
        again = np.flatnonzero(copies > number)
        parts.append(order[again])
        keys += [_copy_hash(hashes[i], number) for i in again.tolist()]
    return np.concatenate(parts), keys


def _copy_hash(document_hash: bytes, number: int) -> bytes:
    key = document_hash + number.to_bytes(4, "little")
    return hashlib.blake2b(key, digest_size=16).digest()


def _reject(
    rejected: RejectedDocuments,
    reason: str,
    numbers: np.ndarray,
    block: DocumentBlock,
    texts: list[bytes],
    settings: ShardSettings,
) -> None:
    for number in numbers.tolist():
        rejected.add(
            reason,
            source=settings.sources[block.source_indices[number]][0],
            offset=int(block.offsets[number]),
            text=texts[number],
        )


def _top_copies(
    group_sizes: np.ndarray,
    order: np.ndarray,
    block: DocumentBlock,
    texts: list[bytes],
    settings: ShardSettings,
) -> list[dict[str, Any]]:
    """Describes the largest groups of equal documents, which stand in a row."""
    starts = np.cumsum(group_sizes) - group_sizes
    found = []
    for group in np.argsort(-group_sizes, kind="stable")[:_TOP].tolist():
        if group_sizes[group] < 2:
            break
        number = int(order[starts[group]])
        found.append(
            {
                "copies": int(group_sizes[group]),
                "source": settings.sources[block.source_indices[number]][0],
                "offset": int(block.offsets[number]),
                "text": _excerpt(texts[number]),
            }
        )
    return found


def _excerpts(
    where: np.ndarray, ids: np.ndarray, order: np.ndarray, texts: list[bytes]
) -> dict[str, str]:
    return {str(int(ids[i])): _excerpt(texts[order[i]]) for i in where.tolist()}


def _excerpt(text: bytes) -> str:
    start = text[: 4 * _EXCERPT_CHARACTERS].decode("utf-8", "ignore")
    return start[:_EXCERPT_CHARACTERS]


@functools.lru_cache(maxsize=1)
def _load_near_duplicates(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Ids to drop, and ids to show in the report."""
    if not path:
        empty = np.empty(0, np.uint64)
        return empty, empty
    with np.load(io.BytesIO(storage.read_file(path))) as file:
        return file["dropped"], file["shown"]


def describe_id(packed: int, sources: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    """Source and offset of a packed id."""
    source_index, offset = unpack_id(packed)
    return {"source": sources[source_index][0], "offset": offset}
