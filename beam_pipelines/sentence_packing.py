"""Sentences of a document as segments a and b: the packing `reference`.

Called by `packing.py`, document by document, on offsets and not on arrays.
"""

from __future__ import annotations

import bisect

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
    spans: list[Span],
    settings: PackingSettings,
    generator: np.random.Generator,
    rows: RowBuilder,
) -> None:
    """Packs a document that is no dialogue."""
    room = settings.sequence_length - 2
    pending = spans[::-1]  # The next one comes last.
    while len(pending) > 1:
        target_tokens = _draw_target(settings, generator) - 3
        taken = _take_sentences(pending, target_tokens)
        first_target_tokens = target_tokens // 2
        if generator.random() < settings.single_segment_rate:
            first_target_tokens = settings.sequence_length * 1000  # Never reached.
        first, second = _share_out(taken, first_target_tokens, generator)
        first, tokens, rest = _trim(first, room)
        second, _, more = _trim(second, room - 1 - tokens)
        rows.add(first, second)
        pending += more[::-1]
        pending += rest[::-1]
    if pending:
        pack_sentence(pending[0], room, rows)


def _take_sentences(pending: list[Span], tokens: int) -> list[Span]:
    """Takes whole sentences until they hold `tokens`, at least one."""
    taken = []
    while pending:
        span = pending.pop()
        taken.append(span)
        tokens -= span[1] - span[0]
        if tokens <= 0:
            break
    return taken


def _share_out(
    spans: list[Span], first_target_tokens: int, generator: np.random.Generator
) -> tuple[list[Span], list[Span]]:
    """Shares sentences out over two segments as the reference does."""
    first = spans[:1]
    second: list[Span] = []
    left = first_target_tokens - (spans[0][1] - spans[0][0])
    for span in spans[1:]:
        tokens = span[1] - span[0]
        if tokens < left or (not second and left > 0 and generator.random() < 0.5):
            first.append(span)
            left -= tokens
        else:
            second.append(span)
    return first, second


def _trim(spans: list[Span], room: int) -> tuple[list[Span], int, list[Span]]:
    """Cuts sentences at `room` tokens: those that fit, their tokens, the rest."""
    tokens = 0
    for index, (start, stop) in enumerate(spans):
        tokens += stop - start
        if tokens > room:
            cut = max(start, stop - (tokens - room))
            kept = spans[:index] + ([(start, cut)] if cut > start else [])
            return kept, room, [(cut, stop), *spans[index + 1 :]]
    return spans, tokens, []


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
