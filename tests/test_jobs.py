"""python -m pytest tests/test_jobs.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from beam_pipelines import storage
from beam_pipelines.jobs import RowStore, Unit, run_units
from beam_pipelines.runners import Runner
from electra_keras.errors import ElectraError

RUNNER = Runner((), 1, debug=False)
UNITS = [Unit(name, name) for name in ("a", "b", "c")]


@dataclasses.dataclass(frozen=True)
class CopyName:
    """Writes a file of its name, and counts calls in a second one."""

    folder: str
    fails_at: str = ""

    def run(self, payload: str) -> dict[str, Any]:
        if payload == self.fails_at:
            raise ElectraError("no", expected="yes", fix="Mend it.")
        calls = Path(self.folder) / f"{payload}.calls"
        calls.write_text(calls.read_text() + "x" if calls.exists() else "x")
        path = storage.join(self.folder, f"{payload}.out")
        written = storage.write_file(path, [payload.encode()])
        return {"files": [[f"{payload}.out", *written]], "text_bytes": 1}


def calls(folder: Path) -> str:
    return "".join((folder / f"{unit.name}.calls").read_text() for unit in UNITS)


def run(folder: Path, fails_at: str = "") -> list[str]:
    task = CopyName(str(folder), fails_at)
    return list(run_units("copy", UNITS, task, folder=str(folder), runner=RUNNER))


def test_every_unit_is_done_once(tmp_path: Path) -> None:
    assert run(tmp_path) == ["a", "b", "c"]
    assert run(tmp_path) == ["a", "b", "c"]
    assert calls(tmp_path) == "xxx"
    assert RowStore(str(tmp_path), "copy").done_bytes() == 3


def test_what_was_done_before_a_failure_stays_done(tmp_path: Path) -> None:
    with pytest.raises(ElectraError, match="no; expected yes"):
        run(tmp_path, fails_at="c")
    assert run(tmp_path) == ["a", "b", "c"]
    assert calls(tmp_path) == "xxx"


@pytest.mark.parametrize("damage", ["changed", None])
def test_damaged_output_is_made_again(tmp_path: Path, damage: str | None) -> None:
    run(tmp_path)
    if damage:
        (tmp_path / "b.out").write_text(damage)
    else:
        (tmp_path / "b.out").unlink()
    run(tmp_path)
    assert (tmp_path / "b.out").read_text() == "b"
    assert calls(tmp_path) == "xxxx"


def test_lost_unit_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RowStore, "load", lambda self, names: {})
    with pytest.raises(ElectraError, match="unit a of job 'copy' has no row"):
        run(tmp_path)
