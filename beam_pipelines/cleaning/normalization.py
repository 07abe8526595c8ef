"""Bytes to plain text: decoding, joining, NFC, white space, lines.

Follows the readers; goes before presets and `personal_data.py`, whose results
`tidy_lines` puts in order. The calls of a batch, in this order:

    decoded, malformed = decode([document.text for document in batch], policy)
    texts = [text for text in decoded if text is not None]
    text = normalize_text(join_documents(texts))
    text = tidy_lines(scrub(PRESETS[name].clean(text))[0])
    texts = split_documents(text, len(texts), "cleaning")

An empty line marks a change of speaker, but cleaning may empty any line. So
`join_documents` writes SPEAKER_CHANGE into the empty lines, and `tidy_lines`
empties these again after it has dropped all other lines without text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from beam_pipelines.characters import code_points
from beam_pipelines.cleaning.code_points import to_text
from beam_pipelines.config import MALFORMED_POLICIES
from electra_keras.data.character_kinds import (
    BLACK_FLAG,
    COMPOSED,
    EMOJI_STYLE,
    INVISIBLE,
    JOINER,
    KEYCAP,
    KEYS,
    LINE_END,
    SPACE,
    TAG,
    ZERO_WIDTH_JOINER,
    character_kinds,
    is_emoji,
)
from electra_keras.errors import ElectraError, UsageError

SPEAKER_CHANGE = "\x01"
# Above this share of such characters a text is composed whole.
_COMPOSED_RATE = 0.02
_EMPTY_TURNS = re.compile("\x01(?:\n\x01)+")
_EDGE_TURNS = re.compile("(?<![^\x00])\x01\n?|\n\x01(?![^\x00])")


def decode(texts: Sequence[bytes], policy: str) -> tuple[list[str | None], int]:
    """Decodes UTF-8.

    Args:
        texts: Of the documents.
        policy: What to do with bytes that are not UTF-8: "replace" them by
            U+FFFD, "skip" the document, or "fail".

    Returns:
        The texts, None for one skipped, and the number of malformed ones.

    Raises:
        ElectraError: The policy is "fail" and a text is malformed.
        UsageError: No such policy.
    """
    if policy not in MALFORMED_POLICIES:
        raise UsageError(
            f"the policy {policy!r} for malformed UTF-8",
            expected=" or ".join(MALFORMED_POLICIES),
            fix="Choose one of them.",
        )
    joined = b"\0".join(texts)
    if texts and joined.count(b"\0") == len(texts) - 1:
        try:
            return list(joined.decode("utf-8").split("\0")), 0
        except UnicodeDecodeError:
            pass  # Then document by document.
    decoded: list[str | None] = []
    malformed = 0
    for text in texts:
        try:
            decoded.append(text.decode("utf-8"))
        except UnicodeDecodeError as error:
            if policy == "fail":
                raise ElectraError(
                    f"bytes that are not UTF-8: {error}, in {text[:40]!r}",
                    expected="UTF-8",
                    fix="Convert the file, or choose the policy replace or skip.",
                ) from error
            malformed += 1
            is_kept = policy == "replace"
            decoded.append(text.decode("utf-8", "replace") if is_kept else None)
    return decoded, malformed


def join_documents(documents: Sequence[str]) -> str:
    """Joins documents by NUL and marks the changes of speaker.

    NUL and SPEAKER_CHANGE in a document are removed.
    """
    text = "\0".join(documents)
    if text.count("\0") != len(documents) - 1:
        text = "\0".join([document.replace("\0", "") for document in documents])
    return text.replace(SPEAKER_CHANGE, "").replace("\n\n", f"\n{SPEAKER_CHANGE}\n")


def split_documents(text: str, count: int, step: str) -> list[str]:
    """Undoes `join_documents`.

    Args:
        text: Joined documents, after `tidy_lines`.
        count: How many there must be; 0 stands for none.
        step: Named in the error.

    Returns:
        The documents.

    Raises:
        ElectraError: There are more or fewer, or a speaker mark is left.
    """
    documents = text.split("\0") if count or text else []
    if len(documents) != count or SPEAKER_CHANGE in text:
        raise ElectraError(
            f"{len(documents)} documents after the step {step}",
            expected=f"{count}, without speaker marks",
            fix="The step must keep every NUL and go before tidy_lines: report this.",
        )
    return documents


def normalize_text(text: str) -> str:
    """Normalises joined documents.

    Every line end that `str.splitlines` knows becomes a newline, every space or
    run of spaces one space. Control and invisible characters go; joiners stay
    inside emoji. What is left is composed to NFC.

    Args:
        text: From `join_documents`.

    Returns:
        The text; a second call would change nothing.
    """
    codes = code_points(text)
    kinds = character_kinds().take(codes)
    is_space = codes == ord(" ")
    if not kinds.any() and not (is_space[:-1] & is_space[1:]).any():
        return text
    codes = codes.copy()
    codes[kinds == SPACE] = ord(" ")
    is_dropped = kinds == INVISIBLE
    is_dropped[:-1] |= (codes[:-1] == ord("\r")) & (codes[1:] == ord("\n"))
    codes[kinds == LINE_END] = ord("\n")
    codes, kinds = codes[~is_dropped], kinds[~is_dropped]
    is_dropped = _is_stray(codes, kinds)
    if is_dropped.any():
        codes, kinds = codes[~is_dropped], kinds[~is_dropped]
    is_space = codes == ord(" ")
    is_dropped = np.zeros(len(codes), bool)
    is_dropped[:-1] = is_space[:-1] & is_space[1:]
    codes, kinds = codes[~is_dropped], kinds[~is_dropped]
    return _compose(to_text(codes), kinds == COMPOSED)


def _compose(text: str, is_composed: np.ndarray) -> str:
    """Composes a text to NFC; quick if few of its characters take part."""
    where = np.flatnonzero(is_composed)
    if len(where) > _COMPOSED_RATE * len(text):
        return unicodedata.normalize("NFC", text)
    # A run of them and the character before it change together, alone.
    starts = where[np.diff(where, prepend=-2) > 1] - 1
    ends = where[np.diff(where, append=len(text) + 1) > 1] + 1
    parts: list[str] = []
    end = 0
    for start, stop in zip(np.maximum(starts, 0).tolist(), ends.tolist(), strict=True):
        parts += (text[end:start], unicodedata.normalize("NFC", text[start:stop]))
        end = stop
    return "".join((*parts, text[end:]))


def _is_stray(codes: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Tells which joiners and tags stand outside an emoji sequence."""
    is_stray = (kinds == JOINER) | (kinds == TAG)
    where = np.flatnonzero(is_stray)
    if not len(where):
        return is_stray
    padded = np.concatenate(([0, 0], codes, [0]))
    before, here, after = padded[where + 1], padded[where + 2], padded[where + 3]
    follows_emoji = is_emoji()[before]
    is_keycap = (after == KEYCAP) & np.isin(before, code_points(KEYS))
    joins = follows_emoji | ((before == EMOJI_STYLE) & is_emoji()[padded[where]])
    # A run of tags belongs to the flag that it follows.
    number = np.arange(len(where))
    starts = (kinds[where] == TAG) & (kinds[where - 1] != TAG)
    run = np.maximum.accumulate(np.where(starts, number, 0))
    stays = np.where(
        here == EMOJI_STYLE,
        follows_emoji | is_keycap,
        np.where(
            here == ZERO_WIDTH_JOINER,
            joins & is_emoji()[after],
            before[run] == BLACK_FLAG,
        ),
    )
    is_stray[where] = ~stays
    return is_stray


def tidy_lines(text: str) -> str:
    """Strips lines, drops those without text and restores the empty lines.

    Runs of spaces become one. An empty line is left between two turns that both
    have text, and nowhere else.

    Args:
        text: Joined documents that may hold SPEAKER_CHANGE.

    Returns:
        Joined documents as `split_documents` wants them.
    """
    # A NUL at either end makes the first and the last document like the others.
    codes = code_points(f"\0{text}\0")
    for mark in (" ", "\n"):
        is_mark = codes == ord(mark)
        is_dropped = is_mark[:-1] & is_mark[1:]
        if is_dropped.any():
            codes = codes[np.append(~is_dropped, True)]
        is_edge = codes <= (ord("\n") if mark == " " else 0)
        is_dropped = codes == ord(mark)
        is_dropped[1:-1] &= is_edge[:-2] | is_edge[2:]
        if is_dropped.any():
            codes = codes[~is_dropped]
    text = to_text(codes[1:-1])
    if SPEAKER_CHANGE in text:
        text = _EMPTY_TURNS.sub(SPEAKER_CHANGE, text)
        text = _EDGE_TURNS.sub("", text).replace(f"\n{SPEAKER_CHANGE}\n", "\n\n")
    return text
