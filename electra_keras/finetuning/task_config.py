"""Configuration of a task: frozen dataclasses own the defaults, units and checks.

Filled by `task_loading.py`; the readers of labelled files and the encoders take
it.
"""

from __future__ import annotations

import dataclasses

from electra_keras.config_checks import check_choice, check_positive, out_of_range
from electra_keras.errors import UsageError

KINDS = (
    *("classification", "regression"),
    *("token_classification", "question_answering"),
)
FORMATS = ("tsv", "csv", "jsonl", "iob", "squad")
ANSWER_SCRIPTS = ("squad", "korquad")
CLASS_WEIGHTS = ("none", "balanced")
# Kinds whose files have one format.
FORMAT_OF_KIND = {"token_classification": "iob", "question_answering": "squad"}


@dataclasses.dataclass(frozen=True)
class KindConfig:
    """What is learned.

    Attributes:
        kind: One of `KINDS`.
        class_weights: "none", or "balanced": the loss of an example counts the
            more, the rarer its label. Classification only.
    """

    kind: str = "classification"
    class_weights: str = "none"

    def __post_init__(self) -> None:
        check_choice("task.kind", self.kind, KINDS)
        check_choice("task.class_weights", self.class_weights, CLASS_WEIGHTS)


@dataclasses.dataclass(frozen=True)
class FilesConfig:
    """The labelled files; each may end in .gz.

    Attributes:
        train: Path of the examples to learn from.
        validation: Path of those by which a run is chosen. None: part of the
            training rows.
        test: Path of those that are reported once. None: part of the training
            rows, if `test_rate` is not 0.
        validation_rate: Share of the training rows that is held out where there
            is no validation file; by a hash of the text.
        test_rate: The same for the test.
        format: One of `FORMATS`. None: as kind and suffix say.
        max_set_aside_rate: Largest share of a file that may be set aside,
            from 0 to 1; more is an error.
    """

    train: str | None = None
    validation: str | None = None
    test: str | None = None
    validation_rate: float = 0.1
    test_rate: float = 0.0
    format: str | None = None
    max_set_aside_rate: float = 0.05

    def __post_init__(self) -> None:
        if self.format is not None:
            check_choice("files.format", self.format, FORMATS)
        for name in ("max_set_aside_rate", "validation_rate", "test_rate"):
            rate = getattr(self, name)
            if not 0.0 <= rate <= 1.0:
                raise out_of_range(f"files.{name}", rate, "a rate from 0 to 1")
        if self.validation is None and not self.validation_rate:
            raise out_of_range(
                "files.validation_rate", 0, "above 0 where files.validation is left out"
            )


@dataclasses.dataclass(frozen=True)
class ColumnsConfig:
    """Where a row holds what: names of the header, or indices from 0.

    Of iob files `text` and `label` are indices only, by default the first and
    the last column.

    Attributes:
        text: Column of the text.
        text_pair: Column of a second text, or None.
        label: Column of the label or, for regression, the number.
        id: Column of a name of the row; None: the number of its line.
        header: The first line names the columns. None: it does if a column is
            given by its name.
    """

    text: str | int | None = None
    text_pair: str | int | None = None
    label: str | int | None = None
    id: str | int | None = None
    header: bool | None = None

    def __post_init__(self) -> None:
        given = [self.text, self.text_pair, self.label, self.id]
        columns = [column for column in given if column is not None]
        if any(isinstance(column, int) and column < 0 for column in columns):
            raise out_of_range("columns", columns, "indices from 0")
        if self.header is False and any(isinstance(c, str) for c in columns):
            raise UsageError(
                f"columns {columns} of a file without a header",
                expected="indices from 0",
                fix="Give indices, or leave columns.header out.",
            )
        if len(set(columns)) != len(columns):
            raise UsageError(
                f"columns {columns}",
                expected="each column once",
                fix="Give text, text_pair, label and id columns of their own.",
            )

    @property
    def has_header(self) -> bool:
        """Whether the first line of a tsv or csv file names its columns."""
        if self.header is not None:
            return self.header
        given = (self.text, self.text_pair, self.label, self.id)
        return any(isinstance(column, str) for column in given)


@dataclasses.dataclass(frozen=True)
class LabelConfig:
    """One label.

    Attributes:
        value: As the files write it.
        name: As people read it; None: the value.
    """

    value: str | int
    name: str | None = None


@dataclasses.dataclass(frozen=True)
class EncodingConfig:
    """How texts become rows.

    Attributes:
        sequence_length: S, tokens of the longest row, with [CLS] and [SEP].
            None: 128; 256 for token_classification, 512 for
            question_answering; never more than the pre-trained model knows.
        max_question_tokens: What is kept of a question.
        doc_stride_tokens: Tokens from the start of one window of a context to
            that of the next.
    """

    sequence_length: int | None = None
    max_question_tokens: int = 64
    doc_stride_tokens: int = 128

    def __post_init__(self) -> None:
        check_positive(self, "encoding", skip=("sequence_length",))
        if self.sequence_length is not None and self.sequence_length < 3:
            key = "encoding.sequence_length"
            raise out_of_range(key, self.sequence_length, "at least 3 tokens")


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How the network is tuned; defaults are the reference's.

    Attributes:
        epochs: Passes over the training file. None: 3; 10 for regression, 2
            for question_answering.
        batch_size: Examples a step.
        learning_rate: Peak, that of the head.
        layer_decay_rate: A layer learns at this rate of the one above it.
        weight_decay_rate: Of AdamW.
        warmup_rate: Share of the steps in which the rate rises.
        dropout_rate: Of hidden states, attention and the head, whatever it was in
            the pre-training.
        pooling: What stands for a text: "cls", the state of [CLS], as in the
            reference, or "mean", that of all its tokens, which suits networks that
            were pre-trained for a short time.
        patience_epochs: Epochs without a better validation figure after which
            a run stops; 0: never.
        seed: Of the first trial; each later one takes the next number.
        trials: Runs, told apart by their seed.
        compat: "google": layer decay one power further, warm-up and decay that
            multiply, and no correction of Adam's first steps, as in the reference.
        strategy: As `train.strategy` of a run: "none", "mirrored" or "tpu".
        precision: "float32" or "bfloat16", as `train.precision`.
    """

    epochs: float | None = None
    batch_size: int = 32
    learning_rate: float = 1e-4
    layer_decay_rate: float = 0.8
    weight_decay_rate: float = 0.01
    warmup_rate: float = 0.1
    dropout_rate: float = 0.1
    pooling: str = "cls"
    patience_epochs: int = 0
    seed: int = 0
    trials: int = 1
    compat: str = "none"
    strategy: str = "none"
    precision: str = "float32"

    def __post_init__(self) -> None:
        check_positive(
            self,
            "training",
            skip=("epochs", "patience_epochs", "seed"),
            rates=("weight_decay_rate", "warmup_rate", "dropout_rate"),
            closed_rates=("layer_decay_rate",),
        )
        check_choice("training.pooling", self.pooling, ("cls", "mean"))
        check_choice("training.compat", self.compat, ("none", "google"))
        check_choice("training.strategy", self.strategy, ("none", "mirrored", "tpu"))
        check_choice("training.precision", self.precision, ("float32", "bfloat16"))
        for key in ("epochs", "layer_decay_rate"):
            if getattr(self, key) == 0:
                raise out_of_range(f"training.{key}", 0, "a number above 0")


@dataclasses.dataclass(frozen=True)
class AnswersConfig:
    """How answers are found and compared; question_answering only.

    Attributes:
        max_answer_tokens: Longer answers are not given.
        no_answer_threshold: No answer is given if the score that there is none,
            a logit, is above this in every window. None: the best on the
            validation file.
        script: Whose normalisation counts, "squad" or "korquad".
    """

    max_answer_tokens: int = 30
    no_answer_threshold: float | None = None
    script: str = "squad"

    def __post_init__(self) -> None:
        if self.max_answer_tokens < 1:
            key = "answers.max_answer_tokens"
            raise out_of_range(key, self.max_answer_tokens, "a number above 0")
        check_choice("answers.script", self.script, ANSWER_SCRIPTS)


@dataclasses.dataclass(frozen=True)
class TaskConfig:
    """All settings of a task.

    Attributes:
        labels: The labels in the order of their ids, from 0. Empty: those of
            the training file, sorted.
    """

    task: KindConfig = KindConfig()
    files: FilesConfig = FilesConfig()
    columns: ColumnsConfig = ColumnsConfig()
    labels: tuple[LabelConfig, ...] = ()
    encoding: EncodingConfig = EncodingConfig()
    training: TrainingConfig = TrainingConfig()
    answers: AnswersConfig = AnswersConfig()

    def __post_init__(self) -> None:
        values = [str(label.value) for label in self.labels]
        if len(set(values)) != len(values) or len(values) == 1:
            raise UsageError(
                f"labels {', '.join(values)}",
                expected="two labels or more, each once",
                fix="List every label of the files once, or none.",
            )
        if values and self.task.kind in ("regression", "question_answering"):
            raise UsageError(
                f"labels of a {self.task.kind} task",
                expected="none",
                fix="Leave labels out.",
            )
        weighted = self.task.class_weights != "none"
        if weighted and self.task.kind != "classification":
            raise UsageError(
                f"task.class_weights {self.task.class_weights} of {self.task.kind}",
                expected="none, other than for classification",
                fix="Leave task.class_weights out.",
            )
        given = FORMAT_OF_KIND.get(self.task.kind)
        if self.files.format is not None and (
            self.files.format != given
            if given
            else self.files.format in FORMAT_OF_KIND.values()
        ):
            raise UsageError(
                f"files.format {self.files.format} of {self.task.kind}",
                expected=given or "tsv, csv or jsonl",
                fix="Leave files.format out.",
            )
