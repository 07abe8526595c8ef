"""What was tuned from what, with which settings, and how to go on.

Reads `outcome.py`, feeds `report.py`.
"""

from __future__ import annotations

import dataclasses
import math
import shlex

from electra_keras.finetuning.reporting.blocks import Code, Section, Table, Text
from electra_keras.finetuning.reporting.numbers import count, excerpt
from electra_keras.finetuning.reporting.outcome import Outcome
from electra_keras.finetuning.tuned_folder import TASK_FILE
from electra_keras.interchange.sources import Pretrained
from electra_keras.training.run_card import FORMATS

_MOST_EXAMPLE_CHARACTERS = 80


def make_setup_section(outcome: Outcome) -> Section:
    """Tells model, training and every setting."""
    model = Table("", ("Pre-trained model", ""), _describe_model(outcome), 2)
    training = Table("", ("Fine-tuning", ""), _describe_training(outcome), 2)
    settings = (outcome.folder / TASK_FILE).read_text("utf-8")
    code = Code(f"Every setting, {TASK_FILE}", "yaml", settings.rstrip(), is_long=True)
    return Section("setup", "Set-up", (model, training, code))


def _describe_model(outcome: Outcome) -> tuple[tuple[str, str], ...]:
    source, model = outcome.source, outcome.source.model
    rows = {
        "From": str(source.path),
        "Format": FORMATS.get(source.kind, source.kind),
        "Weights": "random, for comparison" if outcome.from_scratch else "taken over",
    }
    if source.run is not None:
        train, step = source.run.config.train, source.run.checkpoint.step
        rows["Pre-training"] = (
            f"objective {train.objective}, step {step:,} of {train.train_steps:,}, "
            f"{train.global_batch_size:,} rows a step"
        )
    rows["Encoder"] = (
        f"{count(model.num_layers, 'layer')} of width {model.hidden_dim:,}, "
        f"{count(source.num_heads('discriminator'), 'head')}, "
        f"embeddings of width {model.embedding_dim:,}"
    )
    if (parameters := count_encoder_parameters(source)) is not None:
        rows["Parameters"] = f"{parameters:,} without heads"
    rows["Vocabulary"] = f"{len(source.vocabulary):,} word pieces"
    rows["Trained rows"] = f"at most {source.sequence_length:,} tokens"
    return tuple(rows.items())


def count_encoder_parameters(source: Pretrained) -> int | None:
    """Counts embeddings and encoder of the network that is tuned; None: it has none."""
    weights = source.networks.get("discriminator") or source.networks.get("generator")
    if weights is None:
        return None
    sizes = dataclasses.replace(weights.sizes, output_heads=())
    return sum(math.prod(sizes.shape(name)) for name in sizes.names())


def _describe_training(outcome: Outcome) -> tuple[tuple[str, str], ...]:
    config = outcome.data.kind.config
    training = config.training
    examples = len(outcome.data.splits["train"].examples)
    steps = math.ceil(examples / training.batch_size)
    seeds = ", ".join(str(result.seed) for result in outcome.results)
    rows = {
        "Kind": config.task.kind.replace("_", " "),
        "Examples": f"{examples:,}, in rows of at most "
        f"{config.encoding.sequence_length:,} tokens",
        "Steps": f"{training.epochs:g} epochs of {count(steps, 'step')}, "
        f"{training.batch_size:,} examples each",
        "Learning rate": f"{training.learning_rate:g} at its peak, after "
        f"{training.warmup_rate:.0%} of the steps; each layer below learns at "
        f"{training.layer_decay_rate:g} of the one above",
        "Regularisation": f"weight decay {training.weight_decay_rate:g}, dropout "
        f"{training.dropout_rate:g}",
        "Stopping": f"after {count(training.patience_epochs, 'epoch')} without a "
        "better one"
        if training.patience_epochs
        else "at the last step; the best step's weights are kept",
        "Trials": f"{count(len(outcome.results), 'trial')}, seed {seeds}"
        if len(outcome.results) == 1
        else f"{len(outcome.results)} trials, seeds {seeds}",
    }
    if config.task.class_weights != "none":
        rows["Class weights"] = config.task.class_weights
    return tuple(rows.items())


def make_next_section(outcome: Outcome) -> Section:
    """Gives the commands that go on from here."""
    folder = shlex.quote(str(outcome.folder))
    models = shlex.quote(f"models/{outcome.folder.name}")
    text = shlex.quote(_choose_example(outcome))
    return Section(
        "next",
        "How to go on",
        (
            Text(
                "Both take the trial that did best on the validation file, seed "
                f"{outcome.best.seed}."
            ),
            Code(
                "Ask it about a text of your own",
                "bash",
                f"python -m electra_keras.predict --model={folder} {text}",
            ),
            Code(
                "Export it for TensorFlow Serving",
                "bash",
                f"python -m electra_keras.export --run={folder} --output={models}",
            ),
        ),
    )


def _choose_example(outcome: Outcome) -> str:
    """The shortest text of the validation file that says something."""
    contents = [
        " ".join(outcome.about_kind.content(row)[0].split())
        for row in outcome.data.splits["validation"].rows[:100]
    ]
    # A dash would begin a flag.
    long_enough = [x for x in contents if len(x) >= 10 and x[0] != "-"]
    return excerpt(min(long_enough or contents, key=len), _MOST_EXAMPLE_CHARACTERS)
