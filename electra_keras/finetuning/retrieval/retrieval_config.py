"""Settings of a retrieval chatbot: frozen dataclasses own defaults and checks.

`chatbot_folder.py` keeps them; `chat_pairs.py` and `retrieval_trial.py` read them.
"""

from __future__ import annotations

import dataclasses

from electra_keras.config_checks import out_of_range
from electra_keras.finetuning.task_config import (
    ColumnsConfig,
    FilesConfig,
    TaskConfig,
    TrainingConfig,
)

# A tenth to choose by, a tenth to report.
_FILES = FilesConfig(validation_rate=0.1, test_rate=0.1)
_COLUMNS = ColumnsConfig(text="Q", text_pair="A", label="label")
# Chosen on the validation questions of love_chat.csv: docs/chatbot.md.
_TRAINING = TrainingConfig(
    epochs=6.0, batch_size=256, learning_rate=3e-3, layer_decay_rate=1.0
)


@dataclasses.dataclass(frozen=True)
class RetrievalConfig:
    """All settings of a chatbot.

    Attributes:
        files: Shares of the questions that are held out; paths are not read.
        columns: `text` holds the question, `text_pair` the answer, `label` the
            mood.
        training: `batch_size` counts texts: two a pair, so it is even.
        temperature: What cosines are divided by in the loss; lower: the nearest
            wrong texts count the more.
        sequence_length: S, tokens of the longest row; longer texts are cut.
    """

    files: FilesConfig = _FILES
    columns: ColumnsConfig = _COLUMNS
    training: TrainingConfig = _TRAINING
    temperature: float = 0.05
    sequence_length: int = 64

    def __post_init__(self) -> None:
        for key, least in (("temperature", 1e-3), ("sequence_length", 3)):
            if not getattr(self, key) >= least:
                raise out_of_range(key, getattr(self, key), f"a number from {least} on")
        if not (self.files.validation_rate and self.files.test_rate):
            raise out_of_range(
                "held-out rates",
                (self.files.validation_rate, self.files.test_rate),
                "both above 0",
            )
        size = self.training.batch_size
        if size % 2 or size < 4:
            raise out_of_range(
                "training.batch_size",
                size,
                "an even number from 4 on: two texts a pair",
            )

    @property
    def as_task(self) -> TaskConfig:
        """The same for the readers of labelled files and for `schedule.py`."""
        return TaskConfig(
            files=self.files, columns=self.columns, training=self.training
        )
