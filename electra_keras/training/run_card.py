"""What a run says of itself in words, for the README.md beside its weights.

Reads the files of a run; `interchange/model_card.py` and
`serving/extra_assets.py` write the text. Figures are those of the files, never
typed by hand.
"""

from __future__ import annotations

import json
from pathlib import Path

from electra_keras.training.run_folder import INITIAL_WEIGHTS_FILE
from electra_keras.training.saved_run import RunRecord

EVALUATION_FILE = "evaluation.json"
FORMATS = {
    "run": "a run of electra-keras",
    "export": "a served model of electra-keras",
    "huggingface": "a model of Hugging Face Transformers",
    "tf1": "a TensorFlow 1 checkpoint with the names of google-research/electra",
}


def training_section(run: RunRecord) -> str:
    """Returns the section on objective, steps, data and every setting."""
    train, info = run.config.train, run.info
    tokens = run.checkpoint.step * train.global_batch_size * info.sequence_length
    about = {
        "objective": f"`{train.objective}` (Clark et al. 2020 describe ELECTRA)",
        "optimizer steps": f"{run.checkpoint.step:,} of {train.train_steps:,}",
        "rows per step": f"{train.global_batch_size:,} of {info.sequence_length:,} "
        f"tokens; at most {tokens:,} tokens in all, padding included",
        "learning rate": f"{train.learning_rate:g} at its peak, after "
        f"{train.effective_warmup_steps:,} steps of warm-up",
        "training data": f"{info.examples('train'):,} rows, "
        f"{info.tokens('train'):,} tokens",
        "held-out data": f"{info.examples('validation'):,} rows, "
        f"{info.tokens('validation'):,} tokens",
        "data fingerprint": f"`{run.checkpoint.data_fingerprint}`",
        "vocabulary": f"{len(run.vocabulary):,} word pieces, `{run.vocabulary.sha256}`",
        "configuration fingerprint": f"`{run.checkpoint.config_fingerprint}`",
        "initial weights": _initial_weights(run.folder / INITIAL_WEIGHTS_FILE),
    }
    rows = "\n".join(f"| {name} | {text} |" for name, text in about.items())
    return f"""\
## Training

| | |
|---|---|
{rows}

Every setting, as `config.yaml` of the run has it:

```yaml
{run.config.to_yaml()}```
"""


def _initial_weights(path: Path) -> str:
    if not path.is_file():
        return "random"
    about = json.loads(path.read_text("utf-8"))
    name = Path(about["source"]).name
    return f"{name}, {FORMATS[about['kind']]}, `{about['sha256']}`"


def evaluation_section(run: RunRecord) -> str:
    """Returns the section on what `electra_keras.evaluate` measured, if it ran."""
    path = run.folder / EVALUATION_FILE
    if not path.is_file():
        return "## Evaluation\n\nNot measured: `electra_keras.evaluate` has not run.\n"
    metrics = json.loads(path.read_text("utf-8"))
    split, step = metrics.pop("split"), int(metrics.pop("step"))
    rows = [
        f"| `{name}` | {value:,.0f} |"
        if name == "real_tokens"
        else f"| `{name}` | {value:.4f} |"
        for name, value in metrics.items()
    ]
    late = ""
    if step != run.checkpoint.step:
        late = f"\nThe weights here are of step {run.checkpoint.step:,}.\n"
    return f"""\
## Evaluation

On the split {split}, at step {step:,}, padding not counted:

| metric | value |
|---|---|
{chr(10).join(rows)}
{late}"""
