"""What normalisation does with a character: one table for training and serving.

Read by `beam_pipelines/cleaning/normalization.py`, which makes the training
text, and by `graph_normalization.py`, which does the same in a graph. Needs no
TensorFlow.
"""

from __future__ import annotations

import functools
import unicodedata

import numpy as np

Ranges = tuple[tuple[int, int], ...]

# Kinds of characters; those of kind 0 stay as they are. Those of the last kind
# are not NFC, or change with the character before them.
INVISIBLE, SPACE, LINE_END, JOINER, TAG, COMPOSED = range(1, 7)

CODE_POINTS = 0x110000
ZERO_WIDTH_JOINER = 0x200D
EMOJI_STYLE = 0xFE0F
KEYCAP = 0x20E3
# What a keycap can be of.
KEYS = "0123456789#*"
BLACK_FLAG = 0x1F3F4
# Letters of the flags of England, Scotland and Wales.
TAGS = (0xE0020, 0xE007F)
# Pictographs, skin tones and regional indicators, first and last. Beyond the
# basic plane whole blocks, so that emoji of later Unicode versions belong.
EMOJI: Ranges = (
    *((point, point) for point in map(ord, "©®‼⁉™ℹ⌨⏏Ⓜ▶◀⤴⤵⭐⭕〰〽㊗㊙")),
    (0x2194, 0x2199),
    (0x21A9, 0x21AA),
    (0x231A, 0x231B),
    (0x23E9, 0x23F3),
    (0x23F8, 0x23FA),
    (0x25AA, 0x25AB),
    (0x25FB, 0x25FE),
    (0x2600, 0x27BF),
    (0x2B05, 0x2B07),
    (0x2B1B, 0x2B1C),
    (0x1F000, 0x1FAFF),
)
_LINE_ENDS = "\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
# All of Unicode's spaces, and letters that look like one: Braille blank, Hangul
# fillers of the compatibility and the halfwidth block.
_SPACES = "\t\xa0\u1680\u202f\u205f\u3000\u2800\u3164\uffa0"
# Control characters, Default_Ignorable_Code_Point, non-characters.
_INVISIBLES = (
    *((0x02, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C)),
    *((0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F)),
    *((0x202A, 0x202E), (0x2060, 0x206F), (0xFDD0, 0xFDEF), (0xFE00, 0xFE0F)),
    *((0xFEFF, 0xFEFF), (0xFFF0, 0xFFFB), (0xFFFE, 0xFFFF), (0x1BCA0, 0x1BCA3)),
    *((0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
    *((plane | 0xFFFE, plane | 0xFFFF) for plane in range(0x10000, 0x110000, 0x10000)),
)
# What else Unicode calls a format character: marks of Arabic and Syriac numbers,
# Kaithi and Egyptian signs. BERT's tokenizer takes each for a space.
_FORMAT_MARKS = (
    *((0x600, 0x605), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x890, 0x891)),
    *((0x8E2, 0x8E2), (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F)),
)


def make_table(ranges: Ranges) -> np.ndarray:
    """Makes a table that says of each code point whether it is in the ranges."""
    table = np.zeros(CODE_POINTS, bool)
    for first, last in ranges:
        table[first : last + 1] = True
    return table


@functools.cache
def character_kinds() -> np.ndarray:
    """Returns the kind of each code point: uint8 (`CODE_POINTS`,).

    U+0000 and U+0001 are of kind 0: joined documents hold them as marks.
    """
    kinds = np.zeros(CODE_POINTS, np.uint8)
    for code in (
        *range(0x300, 0xAC00),
        *range(0xD7B0, 0x1F000),
        *range(0x2F800, 0x2FA20),
    ):
        character = chr(code)
        parts = unicodedata.decomposition(character)
        if parts and parts[0] != "<":
            kinds[[int(part, 16) for part in parts.split()[1:]]] = COMPOSED
        if unicodedata.combining(character) or not unicodedata.is_normalized(
            "NFC", character
        ):
            kinds[code] = COMPOSED
    kinds[0x1161:0x1176] = kinds[0x11A8:0x11C3] = COMPOSED
    for first, last in _INVISIBLES:
        kinds[first : last + 1] = INVISIBLE
    kinds[ord("\n")] = 0
    kinds[[ord(space) for space in _SPACES]] = SPACE
    for first, last in _FORMAT_MARKS:
        kinds[first : last + 1] = SPACE
    kinds[0x2000:0x200B] = SPACE
    kinds[[ord(end) for end in _LINE_ENDS]] = LINE_END
    kinds[[ZERO_WIDTH_JOINER, EMOJI_STYLE]] = JOINER
    kinds[TAGS[0] : TAGS[1] + 1] = TAG
    return kinds


@functools.cache
def is_emoji() -> np.ndarray:
    """Says of each code point whether it is an emoji: bool (`CODE_POINTS`,)."""
    return make_table(EMOJI)


@functools.cache
def is_combining_mark() -> np.ndarray:
    """Says of each code point whether NFC may sort it: bool (`CODE_POINTS`,)."""
    classes = map(unicodedata.combining, map(chr, range(CODE_POINTS)))
    return np.fromiter(classes, np.uint8, CODE_POINTS) > 0
