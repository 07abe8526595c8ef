"""python -m pytest tests/test_output_folder.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from beam_pipelines.output_folder import check_output, new_folder, write_file
from electra_keras.errors import UsageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folder_appears_only_when_the_block_has_succeeded(tmp_path: Path) -> None:
    with new_folder(tmp_path / "deep" / "data") as folder:
        (folder / "file").write_text("x")
        assert not (tmp_path / "deep" / "data").exists()
    assert names(tmp_path / "deep") == ["data"]
    assert (tmp_path / "deep" / "data" / "file").read_text() == "x"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_leaves_what_was_there(
    tmp_path: Path, error: type[BaseException]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").write_text("precious")
    with (
        pytest.raises(error),
        new_folder(tmp_path / "data", overwrite=True) as folder,
    ):
        (folder / "file").write_text("x")
        raise error
    assert names(tmp_path) == ["data"]
    assert (tmp_path / "data" / "mine").read_text() == "precious"


def test_non_empty_folder_is_refused_and_overwrite_moves_it_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data"
    path.mkdir()
    (path / "mine").write_text("1")
    with pytest.raises(UsageError, match="not empty"), new_folder(path):
        pass
    for number in ("2", "3"):
        with new_folder(path, overwrite=True) as folder:
            (folder / "mine").write_text(number)
    assert names(tmp_path) == ["data", "data.old-1", "data.old-2"]
    assert (path / "mine").read_text() == "3"
    assert (tmp_path / "data.old-1" / "mine").read_text() == "1"
    assert (tmp_path / "data.old-2" / "mine").read_text() == "2"
    assert "data.old-1" in capsys.readouterr().out


def test_empty_folder_may_be_used(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with new_folder(tmp_path / "data") as folder:
        (folder / "file").touch()
    assert names(tmp_path) == ["data"]


def test_old_folder_comes_back_if_the_last_rename_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data"
    path.mkdir()
    (path / "mine").touch()
    rename = Path.rename

    def fail_on_partial(self: Path, target: Path) -> Path:
        if ".partial-" in self.name:
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_on_partial)
    with pytest.raises(OSError, match="no"), new_folder(path, overwrite=True):
        pass
    assert names(tmp_path) == ["data"]
    assert names(path) == ["mine"]


def test_file_is_written_whole_refused_or_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    write_file(path, "한글\n")
    with pytest.raises(UsageError, match="file exists"):
        write_file(path, "new\n")
    assert path.read_text("utf-8") == "한글\n"
    write_file(path, "new\n", overwrite=True)
    assert names(tmp_path) == ["vocab.txt", "vocab.txt.old-1"]
    assert path.read_text() == "new\n"


def test_remote_output_is_refused() -> None:
    with pytest.raises(UsageError, match="local path"):
        check_output("gs://bucket/data", overwrite=False)
