"""python -m pytest tests/test_curves.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from electra_keras.config import ExperimentConfig, ModelConfig
from electra_keras.training import curves
from electra_keras.training.history import History


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of 2,000 steps, as far as curves know one."""
    config = ExperimentConfig(ModelConfig(vocabulary_size=16_000))
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    history = History(tmp_path)
    for step, auc in ((0, 0.5), (1_000, 0.55), (2_000, 0.56)):
        values = {"disc_auc": auc, "disc_recall": 0.1, "masked_lm_loss": 7.0}
        history.append("validation", step, values)
    return tmp_path


def test_bands_lie_behind_the_curves_and_change_no_axis(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figures = []
    monkeypatch.setattr(pyplot, "close", figures.append)
    assert curves.draw_curves(folder) == folder / "curves.png"
    axes = {axis.get_title(): axis for axis in figures[0].axes}
    (band,) = axes["Discriminator: AUC, precision, recall"].collections
    points = band.get_paths()[0].vertices
    assert (points[:, 0].min(), points[:, 0].max()) == (0, 2_100)
    assert points[:, 1].min() == pytest.approx(0.4)
    assert points[:, 1].max() == pytest.approx(0.9206, abs=1e-3)
    (loss_axis,) = (axis for title, axis in axes.items() if "masked LM" in title)
    assert len(loss_axis.collections) == 1
    low, high = loss_axis.get_ylim()
    assert 6 < low < 7 < high < 8


def test_without_a_configuration_there_are_curves_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    (folder / "config.yaml").unlink()
    figures = []
    monkeypatch.setattr(pyplot, "close", figures.append)
    assert curves.draw_curves(folder) is not None
    assert not any(axis.collections for axis in figures[0].axes)


def test_nothing_to_draw_is_no_picture(tmp_path: Path) -> None:
    assert curves.draw_curves(tmp_path) is None


def test_a_probe_is_drawn_beside_what_the_most_frequent_label_reaches(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    for step, accuracy in ((0, 0.6), (2_000, 0.7)):
        values = {"probe_accuracy": accuracy, "probe_macro_f1": accuracy - 0.1}
        values |= {"probe_majority_accuracy": 0.55, "probe_secs": 3.0}
        History(folder).append("probe", step, values)
    figures = []
    monkeypatch.setattr(pyplot, "close", figures.append)
    curves.draw_curves(folder)
    axes = {axis.get_title(): axis for axis in figures[0].axes}
    assert "probe_secs" not in axes
    axis = axes["Probe: accuracy, macro F1, most frequent label"]
    assert {line.get_label(): list(line.get_ydata()) for line in axis.lines} == {
        "probe_accuracy, probe": [0.6, 0.7],
        "probe_macro_f1, probe": [0.5, 0.7 - 0.1],
        "probe_majority_accuracy, probe": [0.55, 0.55],
    }
