"""Tagged words from IOB files: word TAB tag, a blank line after a sentence.

Reads the schemes IOB1, IOB2 and IOBES, gives IOB2 to the encoder of
token_classification. Tags without any scheme, such as parts of speech, stay.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from electra_keras.errors import UsageError
from electra_keras.finetuning.set_aside import LabelledFile, read_text, split_lines
from electra_keras.finetuning.task_config import ColumnsConfig

NO_TAG = "tags do not match words"
NOT_IOB = "tag is not IOB"
UNKNOWN_TAG = "unknown tag"
STARTED = "I- that starts an entity made B- (IOB1)"
SPELLED = "tag in another spelling"

OUTSIDE = "O"
_PREFIXED = re.compile(r"([BIESLU])[-_](.+)")
_SUFFIXED = re.compile(r"(.+)[-_]([BI])")
# IOBES and BILOU say also where an entity ends.
_TO_IOB = {"E": "I", "L": "I", "S": "B", "U": "B"}


@dataclasses.dataclass(frozen=True)
class TaggedRow:
    """A sentence.

    Attributes:
        words: Its words.
        tags: One a word: "O", or "B-" or "I-" and a type; or, in a file without
            such tags, any.
        line: The line of its first word, from 1.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    line: int


def read_tagged_file(
    path: str, columns: ColumnsConfig | None = None
) -> LabelledFile[TaggedRow]:
    """Reads an IOB file.

    Columns are parted by tabs or, where a line has none, by white space, as in
    CoNLL-2000; lines -DOCSTART- part documents and are no words.

    Args:
        path: The file.
        columns: Indices of word and tag; None: the first and the last.

    Returns: Its sentences. One is set aside if a word of it has no tag, or a tag
        no word, or a tag is not IOB although others of the file are. Entities
        that start with I- are repaired, and counted.

    Raises:
        UsageError: No such file, not UTF-8, or columns given by name.
    """
    columns = columns or ColumnsConfig()
    if isinstance(columns.text, str) or isinstance(columns.label, str):
        raise UsageError(
            f"columns {columns.text}, {columns.label} of {path}",
            expected="indices, since an IOB file has no header",
            fix="Give indices from 0, or leave columns out.",
        )
    labelled: LabelledFile[TaggedRow] = LabelledFile(str(path))
    sentence: list[tuple[int, str]] = []
    sentences = []
    for number, line in enumerate([*split_lines(read_text(path)), ""], 1):
        if line.strip() and not line.startswith("-DOCSTART-"):
            sentence.append((number, line))
        elif sentence:
            sentences.append(sentence)
            sentence = []
    for words in sentences:
        _add_words(words, columns.text or 0, columns.label, labelled)
    if has_scheme(tag for row in labelled.rows for tag in row.tags):
        _spell(labelled)
    return labelled


def has_prefix(tag: str) -> bool:
    """Tells whether a tag, as rows hold them, is of an entity."""
    return tag.startswith(("B-", "I-"))


def has_scheme(written: Iterable[str]) -> bool:
    """Tells whether one tag at least is IOB: "O", or with a prefix.

    "-" alone is none: it is a tag of some parts of speech.
    """
    return any(
        tag == OUTSIDE or read_tag(tag) not in (OUTSIDE, None) for tag in written
    )


def _add_words(
    lines: list[tuple[int, str]],
    word_column: int,
    tag_column: int | None,
    labelled: LabelledFile[TaggedRow],
) -> None:
    start = lines[0][0]
    words, tags = [], []
    for number, line in lines:
        cells = line.split("\t") if "\t" in line else line.split()
        place = len(cells) - 1 if tag_column is None else tag_column
        if len(cells) < 2 or max(place, word_column) >= len(cells):
            labelled.leave_out(start, NO_TAG, f"line {number}: {line}")
            return
        word, written = cells[word_column].strip(), cells[place].strip()
        if not word or not written:
            labelled.leave_out(start, NO_TAG, f"line {number}: {line}")
            return
        words.append(word)
        tags.append(written)
    labelled.rows.append(TaggedRow(tuple(words), tuple(tags), start))


def _spell(labelled: LabelledFile[TaggedRow]) -> None:
    """Makes IOB2 of the tags of all rows, and sets aside those that are not IOB."""
    written, labelled.rows = labelled.rows, []
    for row in written:
        tags = [read_tag(tag) for tag in row.tags]
        known = [tag for tag in tags if tag is not None]
        if len(known) < len(tags):
            place = tags.index(None)
            found = f"line {row.line + place}: {row.tags[place]}"
            labelled.leave_out(row.line, NOT_IOB, found)
            continue
        repaired = tuple(start_with_b(known))
        starts = sum(a != b for a, b in zip(known, repaired, strict=True))
        respelled = sum(a != b for a, b in zip(known, row.tags, strict=True))
        # A counter that holds 0 would tell of repairs that there were not.
        if starts:
            labelled.repaired[STARTED] += starts
        if respelled:
            labelled.repaired[SPELLED] += respelled
        labelled.rows.append(TaggedRow(row.words, repaired, row.line))
    labelled.set_aside.sort(key=lambda entry: entry.line)


def read_tag(written: str) -> str | None:
    """Reads a tag in one of its spellings: B-PS, B_PS, PS-B, S-PS, O, -.

    Returns: "O", "B-type" or "I-type"; None if it is none of these.
    """
    if written in (OUTSIDE, "-"):
        return OUTSIDE
    if match := _PREFIXED.fullmatch(written):
        prefix, kind = match.groups()
    elif match := _SUFFIXED.fullmatch(written):
        kind, prefix = match.groups()
    else:
        return None
    return f"{_TO_IOB.get(prefix, prefix)}-{kind}"


def start_with_b(tags: list[str]) -> list[str]:
    """Makes IOB2 of IOB1: an I- that continues nothing becomes B-.

    The entities are the same by the rules of conlleval.
    """
    repaired = []
    before = OUTSIDE
    for tag in tags:
        kind = tag[2:]
        continues = before != OUTSIDE and before[2:] == kind
        is_start = tag.startswith("I-") and not continues
        repaired.append(f"B-{kind}" if is_start else tag)
        before = tag
    return repaired


def set_unknown_tags_aside(
    labelled: LabelledFile[TaggedRow], tags: tuple[str, ...]
) -> LabelledFile[TaggedRow]:
    """Takes out sentences with a tag that training has never seen.

    Returns: A new file; these sentences are listed in it as set aside.
    """
    known = LabelledFile[TaggedRow](
        labelled.path, [], list(labelled.set_aside), labelled.repaired.copy()
    )
    for row in labelled.rows:
        unknown = [tag for tag in row.tags if tag not in tags]
        if unknown:
            known.leave_out(row.line, UNKNOWN_TAG, unknown[0])
        else:
            known.rows.append(row)
    return known
