"""python -m pytest tests/test_result_lines.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from electra_keras.experiments.compare_jobs import make_key
from electra_keras.experiments.result_lines import ResultLines

LINE = {
    **{"row": "mlm-flops", "pretraining_seed": 1, "pretraining_step": 8},
    **{"task": "names", "train_size": None, "seed": 0, "settings": "abc"},
}


def test_lines_are_kept_in_order(tmp_path: Path) -> None:
    lines = ResultLines(tmp_path)
    assert lines.read() == [] and lines.keys() == set()
    lines.append({**LINE, "score": "f1"})
    lines.append({**LINE, "seed": 1})
    assert [line["seed"] for line in lines.read()] == [0, 1]
    # Figures are no part of what tells a line from others.
    assert lines.keys() == {make_key(LINE), make_key({**LINE, "seed": 1})}


def test_a_torn_line_is_dropped(tmp_path: Path) -> None:
    lines = ResultLines(tmp_path)
    lines.append(LINE)
    whole = lines.path.read_bytes()
    lines.path.write_bytes(whole + b'{"row": "\xec\x98')
    assert lines.read() == [LINE]
    lines.append({**LINE, "seed": 1})
    assert lines.path.read_bytes() == whole + whole.replace(b'"seed": 0', b'"seed": 1')


def test_damage_elsewhere_is_an_error(tmp_path: Path) -> None:
    lines = ResultLines(tmp_path)
    lines.path.write_text("no json\n", "utf-8")
    with pytest.raises(ValueError):
        lines.read()
