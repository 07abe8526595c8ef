"""Values of a row in, the text of a document out.

Used by the readers of rows: `jsonl.py`, `tables.py` and `parquet.py`.
"""

from __future__ import annotations

from beam_pipelines.config import InputConfig
from beam_pipelines.raw_documents import RawDocument
from beam_pipelines.readers.lines import TOO_LARGE, tidy_lines

TEXT_MISSING = "text_missing"
TEXT_NOT_STRING = "text_not_string"
TURNS_MISSING = "turns_missing"
TURN_INVALID = "turn_invalid"


def get_field(row: object, key: str) -> object:
    """Gets a field, "a.b" that of an object in a field; None if there is none."""
    for name in key.split("."):
        if not isinstance(row, dict):
            return None
        row = row.get(name)
    return row


def encode_text(text: str) -> bytes:
    """Encodes a string, and what is no character as malformed UTF-8.

    Bytes that decoding escaped come back as they were.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")


def make_document(
    offset: int, row: object, config: InputConfig, *, max_document_bytes: int
) -> RawDocument:
    """Makes the document of a row of nested fields.

    Args:
        offset: Where the row starts.
        row: A dict by field, as JSON gives it.
        config: Names the fields.
        max_document_bytes: Longer texts are a problem.

    Returns:
        The document; its problem tells what is wrong with the row.
    """
    name = get_field(row, config.id_key) if config.id_key else None
    id = "" if name is None else str(name)
    if config.turns_key:
        turns = get_field(row, config.turns_key)
        text, problem = join_turns(turns, config.speaker_key, config.turn_text_key)
    else:
        text, problem = read_string(get_field(row, config.text_key))
    return check_size(RawDocument(offset, text, problem, id), max_document_bytes)


def check_size(document: RawDocument, max_document_bytes: int) -> RawDocument:
    """Replaces a document that is too large by a problem."""
    if len(document.text) <= max_document_bytes:
        return document
    return document._replace(text=b"", problem=TOO_LARGE)


def read_string(value: object) -> tuple[bytes, str]:
    """Gives the text of a string, or a problem."""
    if isinstance(value, str):
        return tidy_lines(encode_text(value)), ""
    return b"", TEXT_MISSING if value is None else TEXT_NOT_STRING


def join_turns(
    turns: object, speaker_key: str, turn_text_key: str
) -> tuple[bytes, str]:
    """Joins the turns of a dialogue.

    Args:
        turns: A list of texts, each by another speaker, or of objects. A turn
            without a speaker is by another one too; one without text is none.
        speaker_key: Field of an object.
        turn_text_key: Field of an object.

    Returns:
        The text, with an empty line where the speaker changes, or b""; and a
        problem, or "".
    """
    if not isinstance(turns, list):
        return b"", TURNS_MISSING
    text = b""
    last_speaker: object = None
    for turn in turns:
        is_object = isinstance(turn, dict)
        speaker = get_field(turn, speaker_key) if is_object else None
        words = get_field(turn, turn_text_key) if is_object else turn
        turn_text, problem = read_string(words)
        if problem:
            return b"", TURN_INVALID
        if not turn_text:
            continue
        same = speaker is not None and speaker == last_speaker
        joint = b"" if not text else b"\n" if same else b"\n\n"
        text += joint + turn_text
        last_speaker = speaker
    return text, ""
