"""python -m pytest tests/test_output_folder.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from beam_pipelines.output_folder import JobFolder, check_output, write_file
from electra_keras.errors import UsageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


DESCRIPTION = {"settings": {"seed": 1}, "version": "0"}


def job_folder(path: Path, **flags: bool) -> JobFolder:
    flags = {"overwrite": False, "resume": False, **flags}
    return JobFolder(str(path), description=DESCRIPTION, **flags)


def fill(folder: JobFolder, text: str = "x") -> None:
    with folder.open() as path:
        (Path(path) / "file").write_text(text)
        folder.commit("fingerprint")


def test_folder_appears_only_at_commit(tmp_path: Path) -> None:
    folder = job_folder(tmp_path / "deep" / "data")
    with folder.open() as path:
        (Path(path) / "file").write_text("x")
        assert names(tmp_path / "deep") == ["data.partial"]
        folder.commit("fingerprint")
    assert names(tmp_path / "deep") == ["data"]
    assert names(tmp_path / "deep" / "data") == ["COMPLETED", "file"]
    assert (tmp_path / "deep" / "data" / "COMPLETED").read_text() == "fingerprint\n"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_before_any_unit_leaves_what_was_there(
    tmp_path: Path, error: type[BaseException]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").write_text("precious")
    with (
        pytest.raises(error),
        job_folder(tmp_path / "data", overwrite=True).open() as path,
    ):
        (Path(path) / "file").write_text("x")
        raise error
    assert names(tmp_path) == ["data"]
    assert (tmp_path / "data" / "mine").read_text() == "precious"


def test_non_empty_folder_is_refused_and_overwrite_moves_it_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data"
    path.mkdir()
    (path / "file").write_text("1")
    with pytest.raises(UsageError, match="not empty"):
        fill(job_folder(path))
    for number in ("2", "3"):
        fill(job_folder(path, overwrite=True), number)
    assert names(tmp_path) == ["data", "data.old-1", "data.old-2"]
    assert (path / "file").read_text() == "3"
    assert (tmp_path / "data.old-1" / "file").read_text() == "1"
    assert (tmp_path / "data.old-2" / "file").read_text() == "2"
    assert "data.old-1" in capsys.readouterr().out


def test_empty_folder_may_be_used(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    fill(job_folder(tmp_path / "data"))
    assert names(tmp_path) == ["data"]


def test_old_folder_comes_back_if_the_last_rename_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data"
    path.mkdir()
    (path / "mine").touch()
    rename = Path.rename

    def fail_on_partial(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_on_partial)
    with pytest.raises(OSError, match="no"):
        fill(job_folder(path, overwrite=True))
    assert names(path) == ["mine"]


def test_a_foreign_folder_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data.partial").mkdir()
    (tmp_path / "data.partial" / "mine").touch()
    with pytest.raises(UsageError, match="is in the way"):
        fill(job_folder(tmp_path / "data"))
    assert names(tmp_path / "data.partial") == ["mine"]


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
