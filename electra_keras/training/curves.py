"""A run in one picture: losses, accuracies and AUC over steps.

Reads `metrics.jsonl` and `bands.py`, writes `curves.png` in the run folder.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from electra_keras.config_files import load_config
from electra_keras.training.bands import BANDS, RunFacts, find_edges
from electra_keras.training.history import History
from electra_keras.training.run_folder import CONFIG_FILE
from electra_keras.whole_files import write_bytes

CURVES_FILE = "curves.png"

# Rows that are no curves, or are seen in others.
_ELSEWHERE = (
    *("split", "step", "loss", "real_tokens", "real_tokens_per_sec"),
    *("learning_rate", "replaced_rate", "disc_accuracy", "probe_secs"),
)
_BAND_POINTS = 200
_PANELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Generator: masked LM loss (nats)", ("masked_lm_loss",)),
    (
        "Generator: accuracy",
        ("masked_lm_accuracy", "sampled_masked_lm_accuracy"),
    ),
    ("Discriminator: loss (nats)", ("disc_loss",)),
    (
        "Discriminator: AUC, precision, recall",
        ("disc_auc", "disc_precision", "disc_recall"),
    ),
    (
        "Probe: accuracy, macro F1, most frequent label",
        ("probe_accuracy", "probe_macro_f1", "probe_majority_accuracy"),
    ),
)
_WIDTHS = {"train": 0.8, "validation": 2.2, "probe": 2.2}


def _choose_panels(history: History) -> list[tuple[str, tuple[str, ...]]]:
    """The panels that a run has curves for; what only its objective knows last."""
    found = dict.fromkeys(name for row in history.rows() for name in row)
    panels = [panel for panel in _PANELS if any(name in found for name in panel[1])]
    known = {*_ELSEWHERE, *(name for _, names in _PANELS for name in names)}
    return panels + [(name, (name,)) for name in found if name not in known]


def draw_curves(folder: str | Path) -> Path | None:
    """Draws `curves.png`: training thin, held-out text thick, healthy bands light.

    Returns:
        The picture's path; None where there is nothing to draw or matplotlib
        (the `train` extra) is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    history = History(Path(folder))
    if not history.rows():
        return None
    panels = _choose_panels(history)
    size = (5.5 * -(-len(panels) // 2), 7)
    figure, axes = pyplot.subplots(2, -(-len(panels) // 2), figsize=size, squeeze=False)
    figure.set_layout_engine("constrained")
    for axis, (title, names) in zip(axes.flat, panels, strict=False):
        for index, name in enumerate(names):
            for split, width in _WIDTHS.items():
                rows = [row for row in history.rows(split) if name in row]
                if not rows:
                    continue
                axis.plot(
                    [row["step"] for row in rows],
                    [row[name] for row in rows],
                    linewidth=width,
                    color=f"C{index}",
                    alpha=0.5 if split == "train" else 1.0,
                    label=f"{name}, {split}",
                )
        for index, name in enumerate(names):
            _draw_band(axis, name, f"C{index}", Path(folder))
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("optimizer step")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    path = Path(folder) / CURVES_FILE
    picture = io.BytesIO()
    figure.savefig(picture, dpi=110)
    pyplot.close(figure)
    write_bytes(path, picture.getvalue())
    return path


def _draw_band(axis: Any, name: str, colour: str, folder: Path) -> None:
    """Draws where a metric is healthy, without a change of what the axis shows."""
    config = folder / CONFIG_FILE
    if name not in BANDS or not BANDS[name].is_drawn or not config.is_file():
        return
    facts = RunFacts.of(load_config(config))
    first, last = axis.get_xlim()
    shown = axis.get_ylim()
    end = max(0, int(last))
    steps = sorted({end * place // _BAND_POINTS for place in range(_BAND_POINTS + 1)})
    edges = [(step, find_edges(name, step, facts)) for step in steps]
    known = [(step, *found) for step, found in edges if found is not None]
    if known:
        x, low, high = zip(*known, strict=True)
        axis.fill_between(x, low, high, color=colour, alpha=0.08, linewidth=0)
    axis.set_xlim(first, last)
    axis.set_ylim(shown)
