r"""Trains every objective for the same steps on the same rows; curves and a table.

    python benchmarks/objectives.py --data=DATA --output=FOLDER \
        --config=configs/electra_tiny_ko.yaml --train_steps=2500

Each objective is a run of its own below FOLDER, so a run that was stopped goes on
where it was. Losses of different objectives are not comparable; what is trained,
how fast, and whether it learns, is. At the end stand `objectives.md` and
`objectives.png` in FOLDER.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from electra_keras.training.history import History

OBJECTIVES = (
    *("electra", "electra_15", "mlm", "replace_mlm", "all_tokens_mlm"),
    *("electric", "two_stage", "adversarial"),
)
# What equal networks or other sizes ask for.
_SETTINGS = {
    "two_stage": [
        *("model.tied_weights=none", "model.generator_fraction=1"),
        *("model.generator_num_layers=2", "model.generator_num_heads=4"),
    ],
}


def train(name: str, options: argparse.Namespace) -> Path:
    """Trains one objective, or what is left of it; returns its run folder."""
    folder = Path(options.output) / name
    settings = [
        f"train.objective={name}",
        f"train.train_steps={options.train_steps}",
        *_SETTINGS.get(name, ()),
        *options.set,
    ]
    command = [
        *(sys.executable, "-m", "electra_keras.train", f"--config={options.config}"),
        *(f"--data={options.data}", f"--output={folder}"),
        *(f"--set={setting}" for setting in settings),
    ]
    subprocess.run(command, check=True)
    return folder


def last_values(folder: Path) -> dict[str, Any]:
    """The last held-out metrics, and the training's speed: median of its windows."""
    history = History(folder)
    speeds = sorted(
        row["real_tokens_per_sec"]
        for row in history.rows("train")
        if "real_tokens_per_sec" in row
    )
    return {
        **history.rows("validation")[-1],
        "real_tokens_per_sec": speeds[len(speeds) // 2],
    }


def make_table(values: dict[str, dict[str, Any]], train_steps: int) -> Table:
    """One row per objective: what it has of the usual metrics."""
    names = (
        *("masked_lm_loss", "masked_lm_accuracy", "main_lm_loss", "main_lm_accuracy"),
        *("disc_loss", "disc_auc", "replaced_rate", "real_tokens_per_sec"),
    )
    table = Table("objective", *names, title=f"held out, after {train_steps:,} steps")
    for objective, row in values.items():
        cells = [
            "-" if name not in row else f"{row[name]:,.3f}".rstrip("0").rstrip(".")
            for name in names[:-1]
        ]
        table.add_row(objective, *cells, f"{row[names[-1]]:,.0f}")
    return table


def draw(folders: dict[str, Path], path: Path) -> None:
    """Draws each objective's held-out losses over steps, a panel each."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows, columns = -(-len(folders) // 4), min(4, len(folders))
    figure = pyplot.figure(figsize=(4 * columns, 3.5 * rows), layout="constrained")
    for place, (name, folder) in enumerate(folders.items(), 1):
        axis = figure.add_subplot(rows, columns, place)
        points = History(folder).rows("validation")
        losses = [key for key in points[-1] if key.endswith("_loss")]
        for key in losses:
            # The first of two stages has other losses than the second.
            line = [(row["step"], row[key]) for row in points if key in row]
            axis.plot(*zip(*line, strict=True), label=key)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("optimizer step")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Parses, trains, prints the table, draws the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="data folder")
    parser.add_argument("--output", required=True, help="folder for the runs")
    parser.add_argument("--config", default="configs/electra_tiny_ko.yaml")
    parser.add_argument("--train_steps", type=int, default=2500)
    parser.add_argument("--objectives", nargs="+", default=OBJECTIVES)
    parser.add_argument("--set", action="append", default=[], help="section.key=value")
    options = parser.parse_args()
    folders = {name: train(name, options) for name in options.objectives}
    values = {name: last_values(folder) for name, folder in folders.items()}
    table = make_table(values, options.train_steps)
    Console().print(table)
    output = Path(options.output)
    with (output / "objectives.md").open("w", encoding="utf-8") as file:
        Console(file=file, width=200).print(table)
    draw(folders, output / "objectives.png")


if __name__ == "__main__":
    main()
