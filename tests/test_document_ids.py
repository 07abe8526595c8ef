"""python -m pytest tests/test_document_ids.py"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beam_pipelines import document_ids
from beam_pipelines.document_ids import DocumentIds, count_duplicate_ids


def write(folder: Path, name: str, input_index: int, ids: list[str]) -> dict[str, Any]:
    collected = DocumentIds(input_index)
    collected.add(ids)
    return {"ids": collected.write(str(folder), name)}


@pytest.mark.parametrize("part_documents", [2, 20_000_000])
def test_duplicates_are_counted_within_an_input(
    part_documents: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_ids, "_PART_DOCUMENTS", part_documents)
    rows = [
        write(tmp_path, "0", 0, ["가", "b", "가", "", ""]),
        write(tmp_path, "1", 0, ["가", "c", "\ud800"]),
        write(tmp_path, "2", 1, ["가", "b"]),
        write(tmp_path, "3", 1, []),
    ]
    assert count_duplicate_ids(rows, str(tmp_path)) == 2


def test_no_ids_write_nothing(tmp_path: Path) -> None:
    assert write(tmp_path, "0", 0, ["", ""]) == {"ids": []}
    assert list(tmp_path.iterdir()) == []
    assert count_duplicate_ids([], str(tmp_path)) == 0
