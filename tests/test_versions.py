"""python -m pytest tests/test_versions.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from electra_keras.errors import UsageError
from electra_keras.serving.versions import add_version, check_versions_folder


def write(folder: Path) -> None:
    folder.mkdir()
    (folder / "a").write_text("1")


def test_versions_count_up_and_stay(tmp_path: Path) -> None:
    output = tmp_path / "models"
    assert [add_version(output, write).name for _ in range(2)] == ["1", "2"]
    (output / "9").mkdir()
    assert add_version(output, write).name == "10"
    names = {path.name for path in output.iterdir()}
    assert names == {
        *("1", "2", "9", "10"),
        *("compose.yaml", "models.config", "monitoring.config"),
    }


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        write(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_version(tmp_path / "models", fail)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_file_holds_no_versions(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(UsageError, match="x is a file"):
        check_versions_folder(tmp_path / "x")
    check_versions_folder(tmp_path / "absent")
