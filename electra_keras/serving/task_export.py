"""A fine-tuning to a SavedModel with the signature of its task.

Reads a `TunedModel`, writes `DIR/<version>/` as `export.py` does for runs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import tensorflow as tf

from electra_keras.data.info import VOCABULARY_FILE
from electra_keras.errors import UsageError
from electra_keras.finetuning.trial import FIGURES_FILE
from electra_keras.finetuning.tuned_folder import (
    LABELS_FILE,
    PRETRAINED_FILE,
    TASK_FILE,
)
from electra_keras.finetuning.tuned_model import TunedModel
from electra_keras.serving.extra_assets import CARD_FILE, EXPORT_FILE, EXTRA_ASSETS
from electra_keras.serving.portable_ops import check_portable_ops
from electra_keras.serving.served_text import ServedText
from electra_keras.serving.server_files import write_batching_file
from electra_keras.serving.task_signatures import ServedTask
from electra_keras.serving.versions import add_version, check_versions_folder
from electra_keras.serving.warmup import (
    WARMUP_FILE,
    make_warmup_logs,
    write_warmup_file,
)


def export_task(
    tuned: TunedModel, output: str | Path, *, sequence_length: int | None = None
) -> Path:
    """Writes the next version below `output`.

    Args:
        tuned: From `load_tuned`.
        output: Folder of versions.
        sequence_length: Tokens at which rows are cut. None: as in the tuning.

    Returns: The version's folder.

    Raises:
        UsageError: `output` is a file, or longer rows are asked for.
        ElectraError: TF Serving could not run the graph.
    """
    output = Path(output)
    tuned_length = tuned.kind.sequence_length
    length = sequence_length or tuned_length
    if not 3 <= length <= tuned_length:
        raise UsageError(
            f"--sequence_length={length}",
            expected=f"3 to {tuned_length}, the longest rows of the tuning",
            fix="Change it, or remove it.",
        )
    check_versions_folder(output)
    text = ServedText(tuned.tokenizer, length)
    served = ServedTask(tuned.network, tuned.kind, text)

    def write(folder: Path) -> None:
        signatures = served.signatures()
        module = tf.Module()
        module.weights = [variable.value for variable in tuned.network.variables]
        tf.saved_model.save(module, str(folder), signatures=signatures)
        check_portable_ops(folder)
        write_batching_file(folder)
        _write_assets(tuned, text, signatures, folder / EXTRA_ASSETS)

    return add_version(output, write)


def _write_assets(
    tuned: TunedModel, text: ServedText, names: Iterable[str], extra: Path
) -> None:
    """Writes `assets.extra`: settings, vocabulary, labels, figures, warm-up."""
    extra.mkdir()
    for name in (TASK_FILE, PRETRAINED_FILE, LABELS_FILE, VOCABULARY_FILE):
        shutil.copyfile(tuned.folder / name, extra / name)
    about = {
        "task": tuned.kind.config.task.kind,
        "inputs": list(tuned.kind.inputs),
        "seed": tuned.result.seed,
        "step": tuned.result.step,
        "sequence_length": text.sequence_length,
        "signatures": sorted(names),
        "state": tuned.result.state,
    }
    for name, value in ((EXPORT_FILE, about), (FIGURES_FILE, tuned.result.figures)):
        text_of_value = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        (extra / name).write_text(text_of_value, encoding="utf-8")
    (extra / CARD_FILE).write_text(_model_card(tuned), encoding="utf-8")
    logs = make_warmup_logs(text, sorted(names), tuned.kind.inputs)
    write_warmup_file(logs, extra / WARMUP_FILE)


def _model_card(tuned: TunedModel) -> str:
    config, result = tuned.kind.config, tuned.result
    labels: Mapping[str, object] = result.state
    rows = "\n".join(
        f"| {split} | `{name}` | {value:.4g} |"
        for split, figures in result.figures.items()
        for name, value in figures.items()
        if name != "task_score"
    )
    values = labels.get("values")
    names = ""
    if isinstance(values, list):
        names = f"- Labels: {', '.join(map(str, values))}\n"
    return f"""\
# ELECTRA, tuned for {config.task.kind.replace("_", " ")}

A SavedModel for TensorFlow Serving: seed {result.seed}, step {result.step:,}, from
{tuned.record.source}. Licence of the weights: unknown, set it.

{names}- Rows of at most {tuned.kind.sequence_length:,} tokens, with [CLS] and [SEP];
  what does not fit is cut.
- It answers as its labelled examples did, with their mistakes and prejudices.

| file | figure | value |
|---|---|---|
{rows}

Written by electra-keras.
"""
