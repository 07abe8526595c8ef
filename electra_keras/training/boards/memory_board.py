"""Memory of the process and of its devices, a point per window."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

_STATM = Path("/proc/self/statm")


class MemoryBoard(keras.callbacks.Callback):
    """Writes `memory/...`, bytes.

    Args:
        writer: Of TensorBoard.
    """

    def __init__(self, writer: tf.summary.SummaryWriter):
        super().__init__()
        self._writer = writer

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        with self._writer.as_default(step=self.model.global_step):
            for name, size in measure_memory().items():
                tf.summary.scalar(f"memory/{name}", float(size))


def measure_memory() -> dict[str, int]:
    """Measures memory now, bytes by name.

    Returns:
        `resident_bytes` of the process; for each GPU of which TensorFlow tells
        `gpu_0_bytes` and the highest so far, `gpu_0_peak_bytes`.
    """
    sizes = {"resident_bytes": _resident_bytes()}
    for index, device in enumerate(tf.config.list_logical_devices("GPU")):
        try:
            info = tf.config.experimental.get_memory_info(device.name)
        except (ValueError, tf.errors.OpError):
            continue  # It does not tell.
        sizes[f"gpu_{index}_bytes"] = info["current"]
        sizes[f"gpu_{index}_peak_bytes"] = info["peak"]
    return sizes


def _resident_bytes() -> int:
    """Of this process; where the system does not tell, the highest so far."""
    if _STATM.is_file():
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    return peak_resident_bytes()


def peak_resident_bytes() -> int:
    """The most memory that this process has had."""
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if sys.platform == "darwin" else highest * 1024
