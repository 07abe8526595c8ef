"""python -m pytest tests/test_rejected.py"""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

from beam_pipelines.rejected import MAX_CHARACTERS, RejectedDocuments


def test_rejected_documents_are_written_with_their_reason(tmp_path: Path) -> None:
    rejected = RejectedDocuments()
    for number in range(5):
        rejected.add("empty", source="가.txt", offset=number, text=b"")
    rejected.add(
        "json_invalid", source="b", offset=9, text=b"\xff{" + b"x" * 9000, id="k"
    )
    ((name, size_bytes, sha256),) = rejected.write(str(tmp_path), "range-1")
    data = (tmp_path / str(name)).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (size_bytes, sha256)
    lines = gzip.decompress(data).decode().splitlines()
    assert len(lines) == 6
    assert json.loads(lines[0]) == {
        "reason": "empty",
        "source": "가.txt",
        "offset": 0,
        "id": "",
        "text": "",
    }
    last = json.loads(lines[5])
    assert (last["id"], last["text"][:3]) == ("k", "\ufffd{x")
    assert len(last["text"]) == MAX_CHARACTERS
    assert rejected.counts == {"empty": 5, "json_invalid": 1}
    assert [sample["offset"] for sample in rejected.samples] == [0, 1, 2, 9]


def test_raw_texts_and_ids_are_scrubbed(tmp_path: Path) -> None:
    rejected = RejectedDocuments(scrubs=True)
    phone = "010-12\u200b34-5678"
    # The number is cut by the limit, and would not be found in what is left.
    long = "가" * (MAX_CHARACTERS - 8) + " 010-1234-5678"
    for text, is_raw in ((phone, True), (long, True), ("010-1234-5678", False)):
        rejected.add(
            "empty",
            source="a",
            offset=0,
            text=text.encode(),
            id="lee@example.org",
            is_raw=is_raw,
        )
    assert [line["text"] for line in rejected.samples] == [
        "000-0000-0000",
        "가" * (MAX_CHARACTERS - 8) + " 000-000",
        "010-1234-5678",  # Said to be clean.
    ]
    assert {line["id"] for line in rejected.samples} == {"email@example.com"}
    ((name, *_),) = rejected.write(str(tmp_path), "range-1")
    lines = gzip.decompress((tmp_path / str(name)).read_bytes()).decode().splitlines()
    assert list(map(json.loads, lines)) == rejected.samples


def test_nothing_rejected_writes_nothing(tmp_path: Path) -> None:
    assert RejectedDocuments().write(str(tmp_path), "range-1") == []
    assert list(tmp_path.iterdir()) == []
