"""Token ids of a document in, examples out: the reference packing, lossless.

Reads what `tokenization.py` gives, feeds `shards.py`.

Like google-research/electra `build_pretraining_dataset.py`, sentences are
taken whole until a target is reached and shared out over two segments. Unlike
it, randomness is seeded per document, and what exceeds the length starts the
next example instead of being thrown away.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SINGLE_SEGMENT_RATE = 0.1
SHORT_EXAMPLE_RATE = 0.05
MIN_SEQUENCE_LENGTH = 8
_SHORTEST_TARGET_TOKENS = 5


class Example(NamedTuple):
    """One packed example.

    Attributes:
        token_ids: integer (T,), T <= sequence_length. [CLS] a [SEP] (b [SEP]).
        first_segment_tokens: Tokens of the first segment, [CLS] and [SEP]
            included.
    """

    token_ids: np.ndarray
    first_segment_tokens: int


def document_generator(seed: int, document_hash: bytes) -> np.random.Generator:
    """Makes the randomness of one document, independent of all others."""
    key = str(seed).encode() + b"/" + document_hash
    digest = hashlib.blake2b(key, digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def pack_document(
    sentences: Sequence[np.ndarray],
    *,
    sequence_length: int,
    generator: np.random.Generator,
    cls_id: int,
    sep_id: int,
    single_segment_rate: float = SINGLE_SEGMENT_RATE,
    short_example_rate: float = SHORT_EXAMPLE_RATE,
) -> list[Example]:
    """Packs a document; every token of it comes out exactly once.

    Args:
        sentences: integer (tokens,) each; token ids without specials. Empty
            ones are skipped.
        sequence_length: S, the most tokens of an example, specials included.
        generator: From `document_generator`.
        cls_id: Id of [CLS].
        sep_id: Id of [SEP].
        single_segment_rate: Fraction of examples with one segment only.
        short_example_rate: Fraction of examples with a random target length
            in [5, S]. They end at the first sentence end past it.

    Returns:
        The examples in order. Tokens keep their order too, but that a later
        short sentence may join the first segment, as in the reference.
    """
    cls = np.array([cls_id], np.int32)
    sep = np.array([sep_id], np.int32)
    examples: list[Example] = []
    pending = deque(sentence for sentence in sentences if len(sentence))
    while pending:
        target_tokens = sequence_length
        if generator.random() < short_example_rate:
            low, high = _SHORTEST_TARGET_TOKENS, sequence_length
            target_tokens = int(generator.integers(low, high, endpoint=True))
        taken = _take_sentences(pending, target_tokens - 3)
        first_target_tokens = (target_tokens - 3) // 2
        if generator.random() < single_segment_rate:
            first_target_tokens = sequence_length * 1000  # Never reached.
        first, second = _share_out(taken, first_target_tokens, generator)
        first, rest = _trim(first, sequence_length - 2)
        first_segment_tokens = sum(map(len, first)) + 2
        second, more = _trim(second, sequence_length - first_segment_tokens - 1)
        parts = [cls, *first, sep]
        if second:
            parts += [*second, sep]
        examples.append(Example(np.concatenate(parts), first_segment_tokens))
        pending.extendleft(reversed(rest + more))
    return examples


def _take_sentences(pending: deque[np.ndarray], tokens: int) -> list[np.ndarray]:
    """Takes whole sentences until they hold `tokens`, at least one."""
    taken = [pending.popleft()]
    length = len(taken[0])
    while pending and length < tokens:
        taken.append(pending.popleft())
        length += len(taken[-1])
    return taken


def _share_out(
    sentences: list[np.ndarray],
    first_target_tokens: int,
    generator: np.random.Generator,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Shares sentences out over two segments as the reference does."""
    first: list[np.ndarray] = []
    second: list[np.ndarray] = []
    length = 0
    for sentence in sentences:
        if (
            not first
            or length + len(sentence) < first_target_tokens
            or (
                not second and length < first_target_tokens and generator.random() < 0.5
            )
        ):
            first.append(sentence)
            length += len(sentence)
        else:
            second.append(sentence)
    return first, second


def _trim(
    sentences: list[np.ndarray], tokens: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Cuts sentences at `tokens`: those that fit, and the rest."""
    for index, sentence in enumerate(sentences):
        if len(sentence) > tokens:
            tokens = max(tokens, 0)
            kept = sentences[:index] + ([sentence[:tokens]] if tokens else [])
            return kept, [sentence[tokens:], *sentences[index + 1 :]]
        tokens -= len(sentence)
    return sentences, []
