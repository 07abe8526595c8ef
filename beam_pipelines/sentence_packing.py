"""Sentences of a document as segments a and b: the packing `reference`.

Called by `packing.py`, document by document, on offsets and not on arrays.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import numpy as np

from beam_pipelines.packed_rows import PackingSettings, RowBuilder, Span

_SHORTEST_TARGET_TOKENS = 5


def pack_sentence(span: Span, room: int, rows: RowBuilder) -> None:
    """Packs a lone sentence: full rows of one segment, and a rest."""
    start, stop = span
    while stop - start > room:
        rows.add(((start, start + room),))
        start += room
    if start < stop:
        rows.add(((start, stop),))


def _draw_target(settings: PackingSettings, generator: np.random.Generator) -> int:
    """The length that a row is to reach, specials included."""
    if generator.random() < settings.short_example_rate:
        low, high = _SHORTEST_TARGET_TOKENS, settings.sequence_length
        return int(generator.integers(low, high, endpoint=True))
    return settings.sequence_length


def pack_sentences(
    splits: Sequence[int],
    bounds: tuple[int, int],
    settings: PackingSettings,
    generator: np.random.Generator,
    rows: RowBuilder,
) -> None:
    """Packs a document that is no dialogue.

    What is not packed yet is always the head, a sentence or the rest of one, and
    all sentences from `following` on. For a row takes whole sentences until one
    reaches the target; what is too much of them is part of the last one, or of
    the last one of segment b, which is longer still.

    Args:
        splits: Offsets of the sentences of all documents, none of them empty,
            and of the end of the last one.
        bounds: Numbers of the document's first sentence and of the one after
            its last.
        settings: Lengths and rates.
        generator: Of the document.
        rows: Takes the rows.
    """
    begin, end = bounds
    head, following = (splits[begin], splits[begin + 1]), begin + 1
    while following < end:
        target_tokens = _draw_target(settings, generator) - 3
        first_target_tokens = target_tokens // 2
        if generator.random() < settings.single_segment_rate:
            first_target_tokens = settings.sequence_length * 1000  # Never reached.
        head_tokens = head[1] - head[0]
        wanted = splits[following] + target_tokens - head_tokens
        stop = min(end, bisect.bisect_left(splits, wanted, following, end))
        first, second = _share_out(
            splits, (following, stop), first_target_tokens - head_tokens, generator
        )
        first = [head, *first]
        tokens = head_tokens + splits[stop] - splits[following]
        room = settings.sequence_length - (3 if second else 2)
        rest = _cut(second or first, tokens - room) if tokens > room else None
        rows.add(first, second)
        if rest is None and stop == end:
            return
        head = rest or (splits[stop], splits[stop + 1])
        following = stop if rest else stop + 1
    pack_sentence(head, settings.sequence_length - 2, rows)


def _share_out(
    splits: Sequence[int],
    bounds: tuple[int, int],
    left: int,
    generator: np.random.Generator,
) -> tuple[list[Span], list[Span]]:
    """Shares sentences out over two segments as the reference does.

    A sentence goes to the first segment if it leaves room there; the first one
    that does not may go there too, by the toss of a coin.

    Args:
        splits: Offsets of sentences.
        bounds: Numbers of the first sentence to share out and of the one after
            the last.
        left: Tokens that the first segment is to get.
        generator: For the coin.
    """
    begin, stop = bounds
    start = splits[begin]
    border = max(begin, bisect.bisect_left(splits, start + left, begin, stop + 1) - 1)
    left -= splits[border] - start
    if border < stop and left > 0 and generator.random() < 0.5:
        border, left = border + 1, 0
    first = [(start, splits[border])] if border > begin else []
    if border == stop:
        return first, []
    second_start = splits[border]
    second: list[Span] = []
    for number in range(border + 1, stop if left > 1 else border):
        tokens = splits[number + 1] - splits[number]
        if tokens < left:
            left -= tokens
            first.append((splits[number], splits[number + 1]))
            second.append((second_start, splits[number]))
            second_start = splits[number + 1]
    second.append((second_start, splits[stop]))
    return first, [span for span in second if span[0] < span[1]]


def _cut(spans: list[Span], tokens: int) -> Span:
    """Cuts tokens off the last span, in place; returns them."""
    start, stop = spans[-1]
    spans[-1] = (start, stop - tokens)
    return stop - tokens, stop


def pack_turns(
    sentence_splits: list[int],
    turns: list[int],
    settings: PackingSettings,
    generator: np.random.Generator,
    rows: RowBuilder,
) -> None:
    """Packs a dialogue, in order.

    A row that holds more than one turn has its border at the change of speaker
    that is nearest to the middle, unless it was drawn to be a single segment.
    In one long turn the border is at the end of a sentence.

    Args:
        sentence_splits: Offsets of the document's sentences and of its end.
        turns: Offsets at which the speaker changes, of all documents.
        settings: Lengths and rates.
        generator: Of the document.
        rows: Takes the rows.
    """
    length, end = settings.sequence_length, sentence_splits[-1]
    start = sentence_splits[0]
    while start < end:
        target_tokens = _draw_target(settings, generator) - 3
        # Whole sentences, as many as the target needs.
        wanted = bisect.bisect_left(sentence_splits, start + max(1, target_tokens))
        stop = sentence_splits[min(wanted, len(sentence_splits) - 1)]
        border: int | None = None
        if generator.random() < settings.single_segment_rate:
            stop = min(stop, start + length - 2)
        else:
            middle = start + min(target_tokens, stop - start) // 2
            last = min(stop - 1, start + length - 4)  # Leaves b a token.
            border = _nearest(turns, start, last, middle)
            if border is None:
                stop = _nearest(turns, start, stop, start) or stop
                last = min(last, stop - 1)
                border = _nearest(sentence_splits, start, last, middle)
            stop = min(stop, start + length - (2 if border is None else 3))
        if border is None:
            rows.add(((start, stop),))
        else:
            rows.add(((start, border),), ((border, stop),))
        start = stop


def _nearest(offsets: list[int], start: int, last: int, middle: int) -> int | None:
    """The offset in (start, last] nearest to `middle`, or None."""
    low = bisect.bisect_right(offsets, start)
    high = bisect.bisect_right(offsets, last)
    return min(offsets[low:high], key=lambda x: abs(x - middle), default=None)
