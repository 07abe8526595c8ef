"""Runs side by side in TensorBoard: settings and what they led to.

Written into the logs of one split, whose last points are the metrics: so
TensorBoard finds both, whichever folder above it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from electra_keras.config import ExperimentConfig

HParamValue = bool | int | float | str


def write_hparams(
    writer: tf.summary.SummaryWriter, config: ExperimentConfig, tags: Sequence[str]
) -> None:
    """Writes the settings of a run, and which tags are its metrics.

    Args:
        writer: Of the split whose metrics count.
        config: Resolved.
        tags: Of scalars in the same folder.
    """
    from tensorboard.plugins.hparams import api as hp

    settings = {name: _plain(value) for name, value in config.settings.items()}
    with writer.as_default(step=0):
        hp.hparams_config(
            hparams=[hp.HParam(name) for name in settings],
            metrics=[hp.Metric(tag) for tag in tags],
        )
        # Of the same settings there is one trial, also after a resume.
        hp.hparams(settings, trial_id=config.fingerprint)


def _plain(value: Any) -> HParamValue:
    """What the plugin takes; None becomes its name."""
    return value if isinstance(value, HParamValue) else str(value)
