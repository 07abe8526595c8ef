"""What tasks on labelled texts have in common: reading them, one text or two.

Joins `text_files.py` for `classification.py` and `regression.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from electra_keras.finetuning.set_aside import LabelledFile
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.tasks.task_kind import TaskKind
from electra_keras.finetuning.text_files import TextRow, read_text_file


class TextTask(TaskKind[TextRow]):
    """A task on texts or pairs of texts.

    Attributes:
        no_label: Stands for the label of a row that is to be predicted.
    """

    no_label: ClassVar[str | float]

    @staticmethod
    def read(path: str, config: TaskConfig) -> LabelledFile[TextRow]:
        """Reads tsv, csv or jsonl."""
        return read_text_file(path, config)

    @staticmethod
    def key(row: TextRow) -> str:
        """Its text, or both of them."""
        return f"{row.text}\n{row.text_pair or ''}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """One text, or two."""
        is_pair = self.config.columns.text_pair is not None
        return ("text", "text_pair") if is_pair else ("text",)

    def make_row(self, texts: Sequence[str], place: int) -> TextRow:
        """Makes a row of one text or two."""
        text, pair = (*texts, None)[:2]
        return TextRow(text or "", pair, self.no_label, str(place), place)
