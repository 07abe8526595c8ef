"""What lies in `assets.extra` of a version: where it comes from, and warm-up.

Reads a run and its served text, feeds `export.py`. TF Serving reads the warm-up
requests there and leaves the rest alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from electra_keras.data.info import VOCABULARY_FILE
from electra_keras.serving.served_text import ServedText
from electra_keras.serving.warmup import (
    WARMUP_FILE,
    make_warmup_logs,
    write_warmup_file,
)
from electra_keras.training.history import History
from electra_keras.training.run_card import (
    EVALUATION_FILE,
    evaluation_section,
    training_section,
)
from electra_keras.training.run_folder import (
    CONFIG_FILE,
    DATA_INFO_FILE,
    INITIAL_WEIGHTS_FILE,
)
from electra_keras.training.saved_run import RunRecord

EXTRA_ASSETS = "assets.extra"
EXPORT_FILE = "export.json"
METRICS_FILE = "metrics.json"
CARD_FILE = "README.md"


def write_extra_assets(
    run: RunRecord,
    text: ServedText,
    signatures: Collection[str],
    folder: Path,
    *,
    with_generator: bool,
) -> None:
    """Writes `assets.extra` of a version.

    Args:
        run: Its `config.yaml`, `data_info.json` and `vocab.txt` are copied, and
            `initial_weights.json`, without its path, and `evaluation.json` if it
            has them.
        text: The text side of the served network.
        signatures: Names of the SavedModel's.
        folder: Of the version, without `assets.extra`.
        with_generator: Whether the generator is in it.
    """
    extra = folder / EXTRA_ASSETS
    extra.mkdir()
    for name in (CONFIG_FILE, DATA_INFO_FILE, VOCABULARY_FILE):
        shutil.copyfile(run.folder / name, extra / name)
    _copy_history(run.folder, extra)
    about = {
        "step": run.checkpoint.step,
        "trained_sequence_length": run.trained_sequence_length,
        "sequence_length": text.sequence_length,
        "with_generator": with_generator,
        "signatures": sorted(signatures),
    }
    _write_json(extra / EXPORT_FILE, about)
    metrics = held_out_metrics(run)
    if metrics:
        _write_json(extra / METRICS_FILE, metrics)
    card = _model_card(run, text, metrics)
    (extra / CARD_FILE).write_text(card, encoding="utf-8")
    write_warmup_file(make_warmup_logs(text, sorted(signatures)), extra / WARMUP_FILE)


def _copy_history(run_folder: Path, extra: Path) -> None:
    """Copies what the model card says of a version that is converted again."""
    if (run_folder / EVALUATION_FILE).is_file():
        shutil.copyfile(run_folder / EVALUATION_FILE, extra / EVALUATION_FILE)
    if (run_folder / INITIAL_WEIGHTS_FILE).is_file():
        about = json.loads((run_folder / INITIAL_WEIGHTS_FILE).read_text("utf-8"))
        # Where it lay is nobody's business but the owner's.
        about["source"] = Path(about["source"]).name
        _write_json(extra / INITIAL_WEIGHTS_FILE, about)


def held_out_metrics(run: RunRecord) -> dict[str, Any]:
    """Reads the last held-out metrics up to the checkpoint's step.

    Returns:
        A row of the run's `metrics.jsonl`: `split`, `step` and the values; empty
        if nothing was evaluated in training.
    """
    rows = History(run.folder).rows("validation")
    rows = [row for row in rows if row["step"] <= run.checkpoint.step]
    return rows[-1] if rows else {}


def _model_card(run: RunRecord, text: ServedText, metrics: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"""\
# ELECTRA, served

A SavedModel of step {run.checkpoint.step:,} for TensorFlow Serving. It tells
which tokens of a text do not belong there, unless it was trained to predict
tokens, and gives vectors. Rows are cut at {text.sequence_length:,} tokens, with
[CLS] and [SEP]. Licence of the weights: unknown, set it.

The model knows what is usual in its training text, with the mistakes and
prejudices of that text. It does not know what is true.
""",
            training_section(run),
            _metrics_section(metrics),
            evaluation_section(run),
            "Written by electra-keras.\n",
        ]
    )


def _metrics_section(metrics: dict[str, Any]) -> str:
    if not metrics:
        return "## Held-out text in training\n\nNothing was evaluated.\n"
    values = {k: v for k, v in metrics.items() if k not in ("split", "step")}
    rows = "\n".join(f"| `{name}` | {value:.4g} |" for name, value in values.items())
    return f"""\
## Held-out text in training

At step {metrics["step"]:,}:

| metric | value |
|---|---|
{rows}
"""


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
