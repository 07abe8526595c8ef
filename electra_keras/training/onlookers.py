"""All that looks on while a run trains: progress, watchdog, boards, profiler.

Joins `monitoring.py`, `watchdog.py` and `boards/` for `run.py`.
"""

from __future__ import annotations

from pathlib import Path

import keras

from electra_keras.config import ExperimentConfig
from electra_keras.data.dataset import make_eval_dataset
from electra_keras.data.info import load_info
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.training.bands import RunFacts
from electra_keras.training.boards.held_out import HeldOutBoards, open_held_out_batch
from electra_keras.training.boards.histogram_board import HistogramBoard
from electra_keras.training.boards.hparams_board import write_hparams
from electra_keras.training.boards.memory_board import MemoryBoard
from electra_keras.training.boards.profiling import StepProfiler
from electra_keras.training.boards.projector import count_tokens, write_projector
from electra_keras.training.boards.sample_board import SampleBoard
from electra_keras.training.monitoring import RunMonitor, tag_of
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.watchdog import Watchdog


class Onlookers:
    """The callbacks of a run but the one that saves, and what comes at its end.

    Args:
        pretrainer: Compiled.
        monitor: Of the run folder, its history cut to the step it goes on from.
        config: Resolved.
        vocabulary: Of the data.
        data: The data folder.
        folder: The run folder.
        profile_steps: Optimizer steps done before a profile and at its end.
    """

    def __init__(
        self,
        pretrainer: ElectraPretrainer,
        monitor: RunMonitor,
        config: ExperimentConfig,
        vocabulary: Vocabulary,
        data: str | Path,
        folder: Path,
        *,
        profile_steps: tuple[int, int] | None = None,
    ):
        self._pretrainer = pretrainer
        self._monitor = monitor
        self._config = config
        self._vocabulary = vocabulary
        self._data = data
        self._logs = folder / "logs"
        self._has_held_out = load_info(data).examples("validation") > 0
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
        if self._has_held_out:
            self.callbacks.append(self._make_boards())
        if profile_steps is not None:
            self._profiler = StepProfiler(self._logs, *profile_steps)
            self.callbacks.append(self._profiler)
        self._write_hparams()

    def finish(self) -> None:
        """Writes what a finished run shows: its token embeddings."""
        if not self._has_held_out:
            return
        train = self._config.train
        held_out = make_eval_dataset(
            self._data,
            global_batch_size=train.global_batch_size,
            max_examples=train.evaluate_examples,
        )
        embeddings = self._pretrainer.objective.networks["discriminator"].get_layer(
            "embeddings"
        )
        write_projector(
            self._logs,
            embeddings.token_embeddings,
            self._vocabulary,
            count_tokens(held_out, len(self._vocabulary)),
            step=self._pretrainer.global_step,
        )

    def close(self) -> None:
        """Ends a profile that is under way, the progress line and the logs."""
        if self._profiler is not None:
            self._profiler.close()
        self._monitor.close()

    def _make_boards(self) -> HeldOutBoards:
        return HeldOutBoards(
            [SampleBoard(self._vocabulary), HistogramBoard()],
            open_batch=lambda: open_held_out_batch(self._data, self._config),
            writer=self._monitor.writer("validation"),
            seed=self._config.train.seed,
        )

    def _write_hparams(self) -> None:
        split = "validation" if self._has_held_out else "train"
        names = [metric.name for metric in self._pretrainer.metrics]
        tags = [tag_of(name) for name in names if name != "real_tokens"]
        write_hparams(self._monitor.writer(split), self._config, tags)
