"""Hashes of settings: do two things that were computed belong together?

Used by `clock.py`, `compare_jobs.py` and `trials.py`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from electra_keras.config import ExperimentConfig
from electra_keras.training.changes import FREE

_DIGITS = 12


def hash_values(values: Any) -> str:
    """Hashes what JSON can hold; 12 digits."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def hash_course(config: ExperimentConfig) -> str:
    """Hashes the settings of a pre-training that decide its weights."""
    settings = config.settings
    return hash_values({k: v for k, v in settings.items() if k not in FREE})


def hash_step(config: ExperimentConfig) -> str:
    """Hashes the settings that decide how long a step takes."""
    of_course = (
        *("train.train_steps", "train.seed", "train.kept_checkpoints"),
        *("train.evaluate_every_steps", "train.checkpoint_every_steps"),
    )
    settings = config.settings
    return hash_values({k: v for k, v in settings.items() if k not in of_course})
