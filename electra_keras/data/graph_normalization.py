"""The training text's normalisation in a graph, which remembers where it was.

Reads raw text, feeds `text_pieces.py`. `beam_pipelines/cleaning/normalization.py`
does the same to training text with numpy: both read one table of characters, and
the tests hold them equal. Only core ops and NormalizeUTF8 are used, and nothing
that takes more than linear time.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from electra_keras.data import character_kinds as kinds

# Stands before the first text and after each, so that no rule looks across.
_SEPARATOR = kinds.CODE_POINTS
# A table entry is a kind in the lower bits, and two answers.
_KIND_BITS, _EMOJI_BIT, _MARK_BIT = 0x07, 0x08, 0x10


@dataclasses.dataclass(frozen=True)
class NormalizedText:
    """Text as training saw it, and the characters that it came from.

    Attributes:
        text: string (B,), UTF-8 in NFC. Line ends are spaces.
        lengths: int32 (B,), characters of the original texts.
        byte_splits: int32 (B + 1,), where each text begins in all their bytes.
        byte_ends: int32 (C,), in all bytes, after each of the C characters.
        starts: int32 (C,), the original character that each came from.
        ends: int32 (C,), the one after the last that each came from.
    """

    text: tf.Tensor
    lengths: tf.Tensor
    byte_splits: tf.Tensor
    byte_ends: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor

    def source_offsets(
        self, starts: tf.RaggedTensor, ends: tf.RaggedTensor
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Turns bytes of `text` into characters of the original.

        Args:
            starts: int ragged (B, tokens), the first byte of each token.
            ends: int ragged (B, tokens), the byte after its last.

        Returns:
            Starts and ends, int32 ragged (B, tokens): Unicode code points.
        """
        shift = tf.gather(self.byte_splits, starts.value_rowids())
        first = self._find(tf.cast(starts.flat_values, tf.int32) + shift)
        last = self._find(tf.cast(ends.flat_values, tf.int32) - 1 + shift)
        return (
            starts.with_flat_values(tf.gather(self.starts, first)),
            starts.with_flat_values(tf.gather(self.ends, last)),
        )

    def _find(self, places: tf.Tensor) -> tf.Tensor:
        # tf.searchsorted cannot reshape an empty sequence.
        found = tf.raw_ops.UpperBound(
            sorted_inputs=self.byte_ends[tf.newaxis], values=places[tf.newaxis]
        )
        return found[0]


class GraphNormalizer:
    """`normalize_text` of the training data, for texts in a graph.

    Control and invisible characters go, spaces and line ends become one space,
    joiners stay inside emoji, and the rest is composed to NFC.

    Args:
        longest_word_bytes: The tokenizer makes a longer word [UNK]. Of more
            combining marks in a row the surplus is left out, as sorting a
            megabyte of them would take minutes; the word is [UNK] either way.
        most_words: Words, split at spaces, that are read of a text; None: all.
    """

    def __init__(self, longest_word_bytes: int, most_words: int | None = None) -> None:
        self._most_marks = longest_word_bytes
        self._most_words = most_words
        # Eager, so that all signatures share one constant.
        self._table = tf.constant(_make_table())

    def normalize(self, text: tf.Tensor) -> NormalizedText:
        """Normalises texts.

        Args:
            text: string (B,). UTF-8; malformed bytes become U+FFFD, as
                `bytes.decode("utf-8", "replace")` has it.
        """
        decoded = tf.strings.unicode_decode(text, "UTF-8")
        lengths = tf.cast(decoded.row_lengths(), tf.int32)
        wall = tf.fill([tf.size(text), 1], _SEPARATOR)
        rows = tf.concat([decoded, wall], axis=1)
        codes = tf.concat([[_SEPARATOR], rows.flat_values], axis=0)
        places = tf.concat([[0], tf.ragged.range(rows.row_lengths()).flat_values], 0)
        places = tf.cast(places, tf.int32)

        kind = self._kind(codes)
        is_blank = (kind == kinds.SPACE) | (kind == kinds.LINE_END) | (codes == 0x0A)
        codes = tf.where(is_blank, 0x20, codes)
        codes, places = _keep(kind != kinds.INVISIBLE, codes, places)
        codes, places = _keep(~self._is_stray(codes), codes, places)
        codes, places = _keep(~self._is_surplus(codes), codes, places)
        return _encode(*self._compose(codes, places), lengths)

    def _kind(self, codes: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._table, codes) & _KIND_BITS

    def _is(self, bit: int, codes: tf.Tensor) -> tf.Tensor:
        return (tf.gather(self._table, codes) & bit) > 0

    def _is_stray(self, codes: tf.Tensor) -> tf.Tensor:
        """Which joiners and tags stand outside an emoji sequence: bool (C,)."""
        kind = self._kind(codes)
        where = tf.where((kind == kinds.JOINER) | (kind == kinds.TAG))[:, 0]
        here, after = tf.gather(codes, where), tf.gather(codes, where + 1)
        before = tf.gather(codes, where - 1)
        earlier = tf.gather(codes, tf.maximum(where - 2, 0))
        follows_emoji = self._is(_EMOJI_BIT, before)
        is_key = tf.reduce_any(before[:, tf.newaxis] == list(map(ord, kinds.KEYS)), 1)
        is_keycap = (after == kinds.KEYCAP) & is_key
        joins = follows_emoji | (
            (before == kinds.EMOJI_STYLE) & self._is(_EMOJI_BIT, earlier)
        )
        # A run of tags belongs to the flag that it follows.
        starts = (tf.gather(kind, where) == kinds.TAG) & (
            self._kind(before) != kinds.TAG
        )
        leaders = tf.concat([[_SEPARATOR], tf.boolean_mask(before, starts)], axis=0)
        leader = tf.gather(leaders, _count(starts))
        stays = tf.where(
            here == kinds.EMOJI_STYLE,
            follows_emoji | is_keycap,
            tf.where(
                here == kinds.ZERO_WIDTH_JOINER,
                joins & self._is(_EMOJI_BIT, after),
                leader == kinds.BLACK_FLAG,
            ),
        )
        strays = tf.boolean_mask(where, ~stays)[:, tf.newaxis]
        shape = tf.shape(codes, tf.int64)
        return tf.scatter_nd(strays, tf.ones_like(strays[:, 0]), shape) > 0

    def _is_surplus(self, codes: tf.Tensor) -> tf.Tensor:
        """Repeated spaces, and what no token can come from: bool (C,)."""
        is_wall = codes == _SEPARATOR
        is_blank = (codes == 0x20) | is_wall
        follows_blank = tf.concat([[False], is_blank[:-1]], axis=0)
        is_surplus = (codes == 0x20) & follows_blank

        # The last mark stays, so that the word ends where it ended.
        is_mark = self._is(_MARK_BIT, codes)
        bases = tf.cast(tf.where(~is_mark)[:, 0], tf.int32)
        rank = tf.range(tf.size(codes)) - tf.gather(bases, _count(~is_mark) - 1)
        goes_on = tf.concat([is_mark[1:], [False]], axis=0)
        is_surplus |= goes_on & (rank > self._most_marks)
        if self._most_words is None:
            return is_surplus

        words = _count(~is_blank & follows_blank)
        earlier = tf.gather(tf.boolean_mask(words, is_wall), _count(is_wall) - 1)
        return is_surplus | (~is_wall & (words - earlier > self._most_words))

    def _compose(
        self, codes: tf.Tensor, places: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Composes to NFC: codes, starts and ends, int32 (C',)."""
        # What changes together, alone: a character and the marks after it.
        is_mark = self._kind(codes) == kinds.COMPOSED
        follows_wall = tf.concat([[True], codes[:-1] == _SEPARATOR], axis=0)
        begins = ~is_mark | follows_wall
        first = tf.cast(tf.where(begins)[:, 0], tf.int32)
        size = tf.concat([first[1:], [tf.size(codes)]], axis=0) - first
        may_change = (size > 1) | tf.gather(is_mark, first)
        group = _count(begins) - 1
        members = tf.gather(may_change, group)
        strings = tf.strings.unicode_encode(
            tf.RaggedTensor.from_row_lengths(
                tf.boolean_mask(codes, members),
                tf.cast(tf.boolean_mask(size, may_change), tf.int64),
                validate=False,
            ),
            "UTF-8",
        )
        composed = tf_text.normalize_utf8(strings, "NFC")
        is_other = composed != strings
        others = tf.strings.unicode_decode(tf.boolean_mask(composed, is_other), "UTF-8")

        changed = tf.boolean_mask(tf.where(may_change)[:, 0], is_other)
        return _splice(codes, places, first, size, changed, others)


def _make_table() -> np.ndarray:
    """What the rules ask of each code point and the separator: uint8."""
    table = kinds.character_kinds().copy()
    table[:2] = kinds.INVISIBLE  # Joined documents alone hold them.
    table[kinds.is_emoji()] |= _EMOJI_BIT
    table[kinds.is_combining_mark()] |= _MARK_BIT
    return np.append(table, np.uint8(0))


def _count(flags: tf.Tensor) -> tf.Tensor:
    """How many are true up to each: int32."""
    return tf.cumsum(tf.cast(flags, tf.int32))


def _keep(is_kept: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
    where = tf.where(is_kept)[:, 0]
    return [tf.gather(value, where) for value in values]


def _splice(
    codes: tf.Tensor,
    places: tf.Tensor,
    first: tf.Tensor,
    size: tf.Tensor,
    changed: tf.Tensor,
    others: tf.RaggedTensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Puts other characters in the place of some groups.

    Args:
        codes: int32 (C,).
        places: int32 (C,), in the original.
        first: int32 (G,), where each group begins; they cover all characters.
        size: int32 (G,), its characters.
        changed: int64 (K,), ascending, which groups.
        others: int32 ragged (K, characters), what they become.

    Returns:
        Codes, starts and ends, int32 (C',).
    """
    begin, old_size = tf.gather(first, changed), tf.gather(size, changed)
    inside = tf.ragged.range(begin, begin + old_size).flat_values[:, tf.newaxis]
    ones = tf.ones_like(inside[:, 0])
    stays = tf.scatter_nd(inside, ones, tf.shape(codes)) == 0
    # A character that stays is one, a changed group as many as it became.
    new_size = tf.cast(others.row_lengths(), tf.int32)
    count = tf.cast(stays, tf.int32) + tf.scatter_nd(
        begin[:, tf.newaxis], new_size, tf.shape(codes)
    )
    place = tf.cumsum(count, exclusive=True)
    new_begin = tf.gather(place, begin)
    into = [
        tf.boolean_mask(place, stays),
        tf.ragged.range(new_begin, new_begin + new_size).flat_values,
    ]
    kept, rows = tf.boolean_mask(places, stays), others.value_rowids()
    starts = tf.gather(places, begin)
    ends = tf.gather(places, begin + old_size - 1) + 1
    return (
        tf.dynamic_stitch(into, [tf.boolean_mask(codes, stays), others.flat_values]),
        tf.dynamic_stitch(into, [kept, tf.gather(starts, rows)]),
        tf.dynamic_stitch(into, [kept + 1, tf.gather(ends, rows)]),
    )


def _encode(
    codes: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor, lengths: tf.Tensor
) -> NormalizedText:
    """Takes the separators out again."""
    walls = tf.cast(tf.where(codes == _SEPARATOR)[:, 0], tf.int32)
    splits = walls - tf.range(tf.size(walls))
    codes, starts, ends = _keep(codes != _SEPARATOR, codes, starts, ends)
    sizes = 1 + tf.add_n(
        [tf.cast(codes >= least, tf.int32) for least in (0x80, 0x800, 0x10000)]
    )
    byte_ends = tf.cumsum(sizes)
    rows = tf.RaggedTensor.from_row_splits(codes, splits, validate=False)
    return NormalizedText(
        text=tf.strings.unicode_encode(rows, "UTF-8"),
        lengths=lengths,
        byte_splits=tf.gather(tf.concat([[0], byte_ends], axis=0), splits),
        byte_ends=byte_ends,
        starts=starts,
        ends=ends,
    )
