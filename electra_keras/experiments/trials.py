"""Stage 2 of a comparison: one job of fine-tuning to one line of results.

Reads runs and `labelled_pool.py`, appends through `result_lines.py`.
"""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from typing import Any

import keras

from electra_keras.config import ExperimentConfig
from electra_keras.data.info import DatasetInfo
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.experiments.baselines import run_baseline
from electra_keras.experiments.compare_jobs import Job
from electra_keras.experiments.labelled_pool import LabelledPools
from electra_keras.experiments.result_lines import ResultLines
from electra_keras.finetuning.trial import Trial
from electra_keras.interchange.sources import Pretrained, open_pretrained

UNFINISHED_FOLDER = "unfinished"


class TrialRunner:
    """Fine-tunes, one job after the other.

    A trial works in a folder of its own in `unfinished/`, from which it goes on
    after a stop, and which goes when its line is written.

    Args:
        folder: Of the comparison.
        runs: Folder of its pre-trainings.
        pools: Its labelled files.
        untrained: Sizes and word pieces for trials from scratch.
    """

    def __init__(
        self, folder: Path, runs: Path, pools: LabelledPools, untrained: Pretrained
    ) -> None:
        self._lines = ResultLines(folder)
        self._unfinished = folder / UNFINISHED_FOLDER
        self._runs = runs
        self._pools = pools
        self._untrained = untrained

    def run(self, job: Job) -> float:
        """Does a job and appends its line.

        Returns: Its score on the test rows.

        Raises:
            UsageError: A checkpoint or a file is not as it must be.
            SystemExit: After SIGTERM; the same call goes on.
        """
        if job.task is None:
            raise ValueError(f"{job} is no fine-tuning")
        pool = self._pools.pool(job.task)
        folder = self._unfinished / job.key
        line: dict[str, Any] = {**job.identity, "score": pool.kind.score}
        if job.is_baseline:
            rows = pool.draw(job.train_size, job.seed)
            figures = run_baseline(job.row, pool, rows)
        else:
            data = self._pools.data(job.task, job.train_size, job.seed)
            trial = Trial(
                *(pool.config, data, self._open(job)),
                seed=job.seed,
                folder=folder,
                from_scratch=job.run is None,
                with_report=False,  # Its folder goes, and nobody would read one.
            )
            result = trial.run()
            figures = result.figures
            line["best_step"] = result.step
        self._lines.append({**line, "figures": figures})
        self.forget(job)
        # A process that tunes hundreds of networks keeps none of them.
        keras.backend.clear_session()
        gc.collect()
        return figures["test"]["task_score"]

    def forget(self, job: Job) -> None:
        """Removes the folder of a job whose line is written."""
        folder = self._unfinished / job.key
        if folder.is_dir():
            shutil.rmtree(folder)

    def _open(self, job: Job) -> Pretrained:
        if job.run is None:
            return self._untrained
        step = job.run.step_at(job.share)
        return open_pretrained(self._runs / job.run.name, checkpoint=str(step))


def make_untrained(
    config: ExperimentConfig, info: DatasetInfo, vocabulary: Vocabulary
) -> Pretrained:
    """Describes a model that has no weights, for trials from scratch.

    Args:
        config: Of a run, resolved.
        info: Of its data.
        vocabulary: Of its data.
    """
    return Pretrained(
        kind="run",
        path=Path(),
        networks={},
        model=config.model,
        vocabulary=vocabulary,
        tokenizer=info.tokenizer,
        sequence_length=info.sequence_length,
    )
