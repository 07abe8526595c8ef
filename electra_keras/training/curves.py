"""A run in one picture: losses, accuracies and AUC over steps.

Reads `metrics.jsonl`, writes `curves.png` in the run folder.
"""

from __future__ import annotations

import io
from pathlib import Path

from electra_keras.training.history import History
from electra_keras.whole_files import write_bytes

CURVES_FILE = "curves.png"

# Rows that are no curves, or are seen in others.
_ELSEWHERE = (
    *("split", "step", "loss", "real_tokens", "real_tokens_per_sec"),
    *("learning_rate", "replaced_rate", "disc_accuracy"),
)
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
)


def _choose_panels(history: History) -> list[tuple[str, tuple[str, ...]]]:
    """The panels that a run has curves for; what only its objective knows last."""
    found = dict.fromkeys(name for row in history.rows() for name in row)
    panels = [panel for panel in _PANELS if any(name in found for name in panel[1])]
    known = {*_ELSEWHERE, *(name for _, names in _PANELS for name in names)}
    return panels + [(name, (name,)) for name in found if name not in known]


def draw_curves(folder: str | Path) -> Path | None:
    """Draws `curves.png`: training thin, held-out text thick.

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
            for split, width in (("train", 0.8), ("validation", 2.2)):
                rows = [row for row in history.rows(split) if name in row]
                axis.plot(
                    [row["step"] for row in rows],
                    [row[name] for row in rows],
                    linewidth=width,
                    color=f"C{index}",
                    alpha=0.5 if split == "train" else 1.0,
                    label=f"{name}, {split}",
                )
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
