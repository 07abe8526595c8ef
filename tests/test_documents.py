"""python -m pytest tests/test_documents.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from beam_pipelines import documents
from beam_pipelines.config import CleanConfig, DataConfig, InputConfig
from beam_pipelines.documents import DocumentPreparation
from beam_pipelines.filters import FilterConfig
from beam_pipelines.sources import FileRange, find_files


def prepare(
    folder: Path, text: str, **sections: CleanConfig | FilterConfig
) -> tuple[list[str], DocumentPreparation]:
    """Prepares the documents of one file; batches are one document each."""
    path = folder / "text.txt"
    path.write_text(text, "utf-8")
    inputs = (InputConfig(path=str(path)),)
    part = FileRange(find_files(inputs)[0], 0, 0, None)
    config = DataConfig(inputs=inputs, **sections)  # type: ignore[arg-type]
    preparation = DocumentPreparation(part, config)
    batches = list(preparation.batches())
    return [text.decode() for batch in batches for text in batch.texts], preparation


def test_marks_that_cleaning_brings_are_composed(tmp_path: Path) -> None:
    clean = CleanConfig(preset="english")
    texts, _ = prepare(tmp_path, "caf&#101;&#769; 좋다\n", clean=clean)
    assert texts == ["caf\u00e9 좋다"]


def test_every_document_is_measured_where_some_are_filtered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "BATCH_BYTES", 1)
    text = "\n\n".join(f"문서 {number}" for number in range(20))
    texts, preparation = prepare(tmp_path, text)
    assert len(texts) == 20
    assert preparation.counts["documents_measured"] == 3  # The 1st, 9th and 17th.
    assert sum(preparation.profile.histograms["characters"]) == 3
    assert preparation.counts["filtered_bytes"] == preparation.counts["text_bytes"]
    filters = FilterConfig(min_characters=5)
    texts, preparation = prepare(tmp_path, text, filters=filters)
    assert texts == [f"문서 {number}" for number in range(10, 20)]
    assert preparation.counts["documents_measured"] == 20
    assert preparation.counts["text_bytes"] == 10 * len("문서 10".encode())
    assert preparation.rejected.counts == {"too_short": 10}
