"""All that looks on while a run trains: progress, watchdog, boards, profiler.

Joins `monitoring.py`, `watchdog.py` and `boards/` for `run.py`.
"""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf

from electra_keras.config import ExperimentConfig
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.training.bands import RunFacts
from electra_keras.training.boards.held_out import Board, HeldOutBoards
from electra_keras.training.boards.histogram_board import HistogramBoard
from electra_keras.training.boards.hparams_board import write_hparams
from electra_keras.training.boards.memory_board import MemoryBoard
from electra_keras.training.boards.profiling import StepProfiler
from electra_keras.training.boards.projector import count_tokens, write_projector
from electra_keras.training.boards.sample_board import SampleBoard
from electra_keras.training.metrics import ElectraMetrics
from electra_keras.training.monitoring import RunMonitor, tag_of
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.probing import Probe, Prober
from electra_keras.training.watchdog import Watchdog

# What the second of two stages measures beside what the first does.
_OF_SECOND_STAGE = (
    *("disc_loss", "disc_accuracy", "disc_auc", "disc_precision", "disc_recall"),
    *("sampled_masked_lm_accuracy", "replaced_rate"),
)


class Onlookers:
    """The callbacks of a run but the one that saves, and what comes at its end.

    Args:
        pretrainer: Compiled.
        monitor: Of the run folder, its history cut to the step it goes on from.
        config: Resolved.
        vocabulary: Of the data.
        held_out: Masked batches that are evaluated; None: there are none.
        folder: The run folder.
        profile_steps: Optimizer steps done before a profile and at its end.
        probe: Opened; None: there is none.
    """

    def __init__(
        self,
        pretrainer: ElectraPretrainer,
        monitor: RunMonitor,
        config: ExperimentConfig,
        vocabulary: Vocabulary,
        held_out: tf.data.Dataset | None,
        folder: Path,
        *,
        profile_steps: tuple[int, int] | None = None,
        probe: Probe | None = None,
    ):
        self._pretrainer = pretrainer
        self._monitor = monitor
        self._config = config
        self._vocabulary = vocabulary
        self._held_out = held_out
        self._logs = folder / "logs"
        self._profiler: StepProfiler | None = None
        networks = pretrainer.objective.networks
        watchdog = Watchdog(
            folder,
            RunFacts.of(config),
            networks=networks,
            writer=monitor.writer("train"),
            say=monitor.progress.say,
        )
        memory = MemoryBoard(monitor.writer("train"))
        self.callbacks: list[keras.callbacks.Callback] = [watchdog, monitor, memory]
        if held_out is not None:
            boards: list[Board] = [SampleBoard(vocabulary), HistogramBoard()]
            writer = monitor.writer("validation")
            self.callbacks.append(
                HeldOutBoards(boards, held_out, writer=writer, seed=config.train.seed)
            )
        if probe is not None:
            network = networks["discriminator"]
            self.callbacks.append(Prober(probe, network, monitor, config))
        if profile_steps is not None:
            self._profiler = StepProfiler(self._logs, *profile_steps)
            self.callbacks.append(self._profiler)
        self._write_hparams()

    def record_start(self, values: dict[str, float]) -> None:
        """Records what untrained networks reach on held-out text."""
        self._monitor.record("validation", values)

    def finish(self) -> None:
        """Writes what a finished run shows: its token embeddings."""
        if self._held_out is None:
            return
        embeddings = self._pretrainer.objective.networks["discriminator"].get_layer(
            "embeddings"
        )
        write_projector(
            self._logs,
            embeddings.token_embeddings,
            self._vocabulary,
            count_tokens(self._held_out, len(self._vocabulary)),
            step=self._pretrainer.global_step,
        )

    def close(self) -> None:
        """Ends a profile that is under way, the progress line and the logs."""
        if self._profiler is not None:
            self._profiler.close()
        self._monitor.close()

    def _write_hparams(self) -> None:
        split = "train" if self._held_out is None else "validation"
        names = [metric.name for metric in self._pretrainer.metrics]
        names = [name for name in names if name not in ElectraMetrics.of_training]
        if self._config.train.effective_generator_steps:
            names += _OF_SECOND_STAGE
        if split == "validation" and self._config.train.probe is not None:
            names += ("probe_accuracy", "probe_macro_f1")
        tags = [tag_of(name) for name in names if name != "real_tokens"]
        write_hparams(self._monitor.writer(split), self._config, tags)
