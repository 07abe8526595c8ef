"""A fine-tuning read back: raw text in, predictions out.

Reads `tuned_folder.py`; feeds `electra_keras.predict` and the export of a task.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from electra_keras.data.info import VOCABULARY_FILE
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.finetuning.batches import BatchMaker
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.prediction import make_predict_function, predict_examples
from electra_keras.finetuning.raw_inputs import check_texts
from electra_keras.finetuning.spread import find_best
from electra_keras.finetuning.task_network import build_task_network
from electra_keras.finetuning.task_objective import NETWORK
from electra_keras.finetuning.tasks.registry import find_kind
from electra_keras.finetuning.tasks.task_kind import TaskKind
from electra_keras.finetuning.trial import TrialResult
from electra_keras.finetuning.tuned_folder import (
    PRETRAINED_FILE,
    PretrainedRecord,
    is_tuned,
    read_task,
    read_trials,
    trial_folder,
)
from electra_keras.training.checkpoints import CheckpointFolder, network_variables
from electra_keras.training.run_folder import CHECKPOINTS_FOLDER


@dataclasses.dataclass(frozen=True)
class TunedModel:
    """The best trial of a fine-tuning, in memory, outside any strategy.

    Attributes:
        folder: Of the fine-tuning.
        kind: Of the task, with what was learned and chosen.
        network: With the best weights of the trial.
        vocabulary: Of the pre-trained model.
        tokenizer: How text becomes word pieces.
        record: Of the pre-trained model.
        result: Of the trial.
    """

    folder: Path
    kind: TaskKind[Any]
    network: keras.Model
    vocabulary: Vocabulary
    tokenizer: Tokenizer
    record: PretrainedRecord
    result: TrialResult

    def predict(self, inputs: Sequence[Sequence[str]]) -> list[Any]:
        """Predicts raw texts.

        Args:
            inputs: Of each row the texts that `kind.inputs` names.

        Returns: One prediction a row, as `kind.predict` gives them.

        Raises:
            UsageError: A row has another number of texts.
        """
        check_texts(inputs, self.kind.inputs)
        if not inputs:
            return []
        rows = [self.kind.make_row(texts, n) for n, texts in enumerate(inputs, 1)]
        examples = self.kind.encode(rows, PieceFinder(self.tokenizer)).examples
        maker = BatchMaker(
            examples,
            self.kind.features,
            min(self.kind.config.training.batch_size, len(examples)),
            self.kind.sequence_length,
        )
        ask = make_predict_function(self.network, self.kind)
        outputs, _ = predict_examples(ask, maker)
        return self.kind.predict(rows, examples, outputs)


def load_tuned(folder: str | Path) -> TunedModel:
    """Loads the trial that did best on the validation file.

    Args:
        folder: Of a fine-tuning.

    Raises:
        UsageError: It is none, or no trial of it has finished.
        ElectraError: Its checkpoint does not fit.
    """
    folder = Path(folder)
    if not is_tuned(folder):
        raise UsageError(
            f"no fine-tuning in {folder}",
            expected="a folder written by electra_keras.finetune",
            fix="Check the path.",
        )
    results = read_trials(folder)
    if not results:
        raise UsageError(
            f"no finished trial in {folder}",
            expected="a fine-tuning that has come to its end",
            fix="Run python -m electra_keras.finetune again.",
        )
    best = find_best(results)
    config = read_task(folder)
    record = PretrainedRecord.from_json((folder / PRETRAINED_FILE).read_text("utf-8"))
    kind = find_kind(config.task.kind)(config, best.state)
    network = build_task_network(record.model, kind, seed=best.seed)
    checkpoints = trial_folder(folder, best.seed) / CHECKPOINTS_FOLDER
    checkpoint = CheckpointFolder(checkpoints).choose("best")
    if checkpoint is None:
        raise UsageError(
            f"no whole checkpoint in {checkpoints}",
            expected="the best weights of the trial",
            fix="Tune again into another folder.",
        )
    checkpoint.restore(network_variables({NETWORK: network}))
    vocabulary = Vocabulary.load(folder / VOCABULARY_FILE)
    tokenizer = Tokenizer(vocabulary, record.tokenizer)
    return TunedModel(folder, kind, network, vocabulary, tokenizer, record, best)
