"""python -m pytest tests/test_benchmarks.py"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
SCRIPTS = sorted(
    path for path in FOLDER.glob("*.py") if "__main__" in path.read_text("utf-8")
)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_benchmarks_fit_the_code_that_they_import(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if path.stem.startswith("torch"):
        pytest.importorskip("torch", reason="a peer has an environment of its own")
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as exit:
        runpy.run_path(str(path), run_name="__main__")
    assert exit.value.code == 0
    assert path.name in capsys.readouterr().out


def test_the_list_of_benchmarks_is_whole() -> None:
    listed = (FOLDER / "README.md").read_text("utf-8")
    assert [path for path in SCRIPTS if f"`{path.name}`" not in listed] == []
