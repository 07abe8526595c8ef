"""python -m pytest tests/test_evaluation_files.py"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beam_pipelines.cleaning.presets import PRESETS
from beam_pipelines.config import CleanConfig, DecontaminationConfig
from beam_pipelines.evaluation_files import (
    CutText,
    cut_lines,
    load_index,
    write_evaluation_index,
)
from electra_keras.errors import UsageError

LAUGHTER = "정말로 재미있는 영화였습니다 ㅋㅋㅋㅋㅋㅋㅋㅋ"
PHONE = "표가 남았으니 연락 주세요 010-1234-5678 꼭 주세요"
PHONE_SCRUBBED = "표가 남았으니 연락 주세요 000-0000-0000 꼭 주세요"


def cut(folder: Path, rows: list[str], text: str, clean: CleanConfig) -> CutText:
    """Cuts what stands in rows of a JSONL file."""
    path = folder / "test.jsonl"
    path.write_text("\n".join(json.dumps({"text": row}) for row in rows))
    config = DecontaminationConfig(path=str(path))
    (folder / "work").mkdir()
    return cut_lines(
        text, load_index(write_evaluation_index(config, clean, str(folder)))
    )


@pytest.mark.parametrize(
    ("clean", "line"),
    [
        (CleanConfig(), LAUGHTER),
        (CleanConfig(preset="korean_chat"), "정말로 재미있는 영화였습니다 ㅋㅋ"),
        (CleanConfig(), PHONE),
        (CleanConfig(personal_data="scrub"), PHONE_SCRUBBED),
    ],
)
def test_rows_are_cleaned_as_the_corpus_is(
    clean: CleanConfig, line: str, tmp_path: Path
) -> None:
    text = f"다른 이야기를 하는 줄\n{line}\0관계가 없는 글"
    found = cut(tmp_path, [LAUGHTER, PHONE], text, clean)
    assert found.text == "다른 이야기를 하는 줄\0관계가 없는 글"
    assert (found.lines, found.file_documents) == (1, [1])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_row_is_a_row_whatever_cleaning_leaves_of_it(
    preset: str, tmp_path: Path
) -> None:
    rows = ["앞 문단\n\n뒤 문단", "https://example.com", "\0", LAUGHTER]
    clean = CleanConfig(preset=preset, personal_data="scrub")
    text = PRESETS[preset].clean(LAUGHTER)
    assert cut(tmp_path, rows, text, clean) == CutText("", 1, [3], [1])


def test_a_change_of_speaker_beside_a_line_stays(tmp_path: Path) -> None:
    text = "앞사람의 말\n\n정말로 재미있는\n영화였습니다\n\n뒷사람의 말"
    found = cut(tmp_path, ["정말로 재미있는 영화였습니다"], text, CleanConfig())
    assert found.text == "앞사람의 말\n\n뒷사람의 말"
    assert found.lines == 2


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    config = DecontaminationConfig(path=f"{tmp_path}/*.txt")
    with pytest.raises(UsageError, match="no row of text in the evaluation file"):
        write_evaluation_index(config, CleanConfig(), str(tmp_path))
    assert write_evaluation_index(DecontaminationConfig(), CleanConfig(), "") == ""
