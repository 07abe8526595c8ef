"""How far a KerasHub preset is from the run that it was made of.

    python benchmarks/keras_hub_drift.py --run=RUN --data=DATA

KerasHub's ElectraBackbone computes GELU by its tanh approximation, where we
train with the exact one. The run is converted, and held-out rows whose masked
tokens the run's generator has replaced go through both. Printed are the
absolute differences of the last hidden states at real tokens and of what the run's own
head says of them; beside it the same for weights alone, with our GELU swapped.
Decisions are taken at probability 0.5, and where as many tokens are said to be
replaced as are: a young network says it of none at 0.5.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from electra_keras.command_line import import_tensorflow_quietly


class Drift:
    """Differences, collected batch by batch."""

    def __init__(self) -> None:
        self.largest: list[np.ndarray] = []
        self.means: list[np.ndarray] = []
        self.logits: list[np.ndarray] = []
        self.replaced_tokens = 0

    def add(
        self, ours: dict, theirs: dict, is_real: np.ndarray, is_replaced: np.ndarray
    ) -> None:
        """Adds one batch.

        Args:
            ours: `hidden_states` (B, S, H) and `replaced_logits` (B, S).
            theirs: The same.
            is_real: bool (B, S).
            is_replaced: int32 (B, S).
        """
        first, second = (
            {name: value.numpy()[is_real] for name, value in outputs.items()}
            for outputs in (ours, theirs)
        )
        difference = np.abs(first["hidden_states"] - second["hidden_states"])
        self.largest.append(difference.max(axis=-1))
        self.means.append(difference.mean(axis=-1))
        self.logits.append(
            np.stack([first["replaced_logits"], second["replaced_logits"]])
        )
        self.replaced_tokens += int(is_replaced[is_real].sum())

    def row(self) -> list[str]:
        """Cells of the table."""
        largest, means = map(np.concatenate, (self.largest, self.means))
        logits = np.concatenate(self.logits, axis=1)
        ours, theirs = 1 / (1 + np.exp(-logits))
        chances = np.abs(ours - theirs)
        rate = self.replaced_tokens / logits.shape[1]
        return [
            *(f"{largest.max():.1e}", f"{means.mean():.1e}"),
            *(f"{chances.max():.1e}", f"{chances.mean():.1e}"),
            _compare(logits, 0.0),
            _compare(logits, float(np.quantile(logits[0], 1 - rate))),
        ]


def _compare(logits: np.ndarray, threshold: float) -> str:
    """Counts decisions that differ, and those that said replaced."""
    ours, theirs = logits > threshold
    return f"{(ours != theirs).sum():,} ({ours.sum():,} of {len(ours):,})"


def measure(run_folder: str, data: str, rows: int) -> dict[str, Drift]:
    """Measures with KerasHub's GELU, and with the same one in ours."""
    import keras
    import keras_hub
    import tensorflow as tf

    from electra_keras.data.dataset import make_eval_dataset
    from electra_keras.interchange.conversion import convert
    from electra_keras.interchange.sources import open_pretrained
    from electra_keras.models import transformer_block
    from electra_keras.models.randomness import noise_key, step_key
    from electra_keras.training.saved_run import load_run

    source = open_pretrained(run_folder)
    with tempfile.TemporaryDirectory() as folder:
        presets = convert(source, "keras_hub", Path(folder) / "presets")
        backbone = keras_hub.models.ElectraBackbone.from_preset(
            str(presets / "discriminator")
        )
    exact = load_run(run_folder).objective
    transformer_block.gelu = lambda x: keras.activations.gelu(x, approximate=True)
    swapped = load_run(run_folder).objective.networks["discriminator"]
    found = {"as it is": Drift(), "our GELU swapped": Drift()}
    batches = make_eval_dataset(
        data, global_batch_size=32, config=source.run.config.data, max_examples=rows
    )
    for batch in batches:
        with noise_key(step_key(1, tf.constant(0), 0)):
            generated = exact.generate(batch, training=False)
        inputs = {name: batch[name] for name in ("segment_ids", "padding_mask")}
        inputs["token_ids"] = generated["corrupted_token_ids"]
        is_real = batch["padding_mask"].numpy() == 1
        is_replaced = generated["is_replaced"].numpy()
        hidden = backbone(inputs)["sequence_output"]
        for name, network in zip(
            found, (exact.networks["discriminator"], swapped), strict=True
        ):
            # The head's GELU is the run's own in the first row.
            head = network.get_layer("replaced_token_head")
            theirs = {"hidden_states": hidden, "replaced_logits": head(hidden)}
            ours = network(inputs, training=False)
            found[name].add(ours, theirs, is_real, is_replaced)
    return found


def main() -> None:
    """Parses, measures, prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", required=True, help="run folder")
    parser.add_argument("--data", required=True, help="data folder")
    parser.add_argument("--rows", type=int, default=512, help="held-out examples")
    options = parser.parse_args()
    import_tensorflow_quietly()
    table = Table(
        *("", "hidden states, largest", "mean"),
        *("probability, largest", "mean", "differ at 0.5 (said replaced)"),
        "differ at the true rate",
    )
    for name, drift in measure(options.run, options.data, options.rows).items():
        table.add_row(name, *drift.row())
    Console().print(table)


if __name__ == "__main__":
    main()
