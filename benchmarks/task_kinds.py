r"""Every kind of task from its configuration: pre-trained, from scratch, a baseline.

    python benchmarks/task_kinds.py --init_from=RUN --labelled=FOLDER --output=OUT

FOLDER holds Korean labelled files: film reviews, lines of chat, pairs of questions,
names. Two kinds have no file of their own there, so theirs are made of these:

    regression           the pairs of questions, their label as a number
    question answering   who, where, when or how much of the sentences with names; a
                         third of the questions has no answer in its sentence

Validation files are the test, measured once a trial; epochs are chosen by rows held
out of the training file, or by the file that is there for that. Prints medians of the
test's scores over --trials, and writes `task_kinds.md`. Fine-tunings are folders below
OUT, so what was stopped goes on when it is called again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from electra_keras.command_line import import_tensorflow_quietly

_TYPES_ASKED = {
    "PS": "누구 이야기인가?",
    "LC": "어디 이야기인가?",
    "OG": "어느 단체 이야기인가?",
    "DT": "언제 이야기인가?",
    "QT": "얼마나 되는가?",
}
# Of the types that a sentence does not have; a third of all questions comes of it.
_ASKED_IN_VAIN_RATE = 1 / 6
_LEARNING = ("training.learning_rate=1e-3",)
_TEXTS = (*_LEARNING, "training.pooling=mean")


class TaskRun(NamedTuple):
    """A configuration and what is changed of it."""

    name: str
    config: str
    settings: tuple[str, ...]
    baseline: str


def list_tasks(labelled: Path, made: Path) -> list[TaskRun]:
    """The tasks and their files."""

    def files(train: Path, test: Path | None, validation: Path | None = None) -> tuple:
        names = {"train": train, "validation": validation, "test": test}
        return tuple(
            f"files.{name}={'null' if path is None else path}"
            for name, path in names.items()
        )

    pairs = files(
        *(labelled / f"question_pair_{split}.tsv" for split in ("train", "test", "dev"))
    )
    reviews = (f"sentiment_{split}.tsv.gz" for split in ("train", "validation"))
    return [
        TaskRun(
            "film reviews",
            "korean_sentiment",
            (
                *files(*(labelled / name for name in reviews)),
                *("files.validation_rate=0.02", *_TEXTS),
            ),
            "n-grams",
        ),
        TaskRun(
            "lines of chat",
            "love_chat",
            (*files(labelled / "love_chat.csv", None), *_TEXTS),
            "n-grams",
        ),
        TaskRun("pairs of questions", "question_pairs", (*pairs, *_TEXTS), "likeness"),
        TaskRun(
            "likeness of questions",
            "korsts",
            (
                *(*pairs, *_TEXTS, "columns.text=question1"),
                *("columns.text_pair=question2", "columns.label=is_duplicate"),
                "encoding.sequence_length=64",
            ),
            "likeness",
        ),
        TaskRun(
            "names",
            "ner_ko",
            (
                *files(labelled / "ner_train.tsv", labelled / "ner_validation.tsv"),
                *("training.epochs=5", *_LEARNING),
            ),
            "frequent tag",
        ),
        TaskRun(
            "questions on names",
            "korquad",
            (
                *files(made / "questions_train.json", made / "questions_test.json"),
                *("training.epochs=5", *_LEARNING),
            ),
            "no answer",
        ),
    ]


# Questions ------------------------------------------------------------------------


def make_questions(tagged: Path, path: Path) -> None:
    """Writes questions on the sentences of an IOB file, in SQuAD 2.0's form."""
    from electra_keras.finetuning.tagged_files import read_tagged_file

    paragraphs = []
    for row in read_tagged_file(str(tagged)).rows:
        questions = list(ask(row.words, row.tags, f"{path.stem}-{row.line}"))
        if questions:
            paragraphs.append({"context": " ".join(row.words), "qas": questions})
    data = {"version": "2.0", "data": [{"title": "", "paragraphs": paragraphs}]}
    path.write_text(json.dumps(data, ensure_ascii=False), "utf-8")


def ask(
    words: tuple[str, ...], tags: tuple[str, ...], name: str
) -> Iterator[dict[str, Any]]:
    """Asks for each type that occurs once, and for some that do not occur."""
    from electra_keras.finetuning.metrics.entities import find_entities

    found = find_entities(tags)
    for kind, question in _TYPES_ASKED.items():
        entities = [entity for entity in found if entity[0] == kind]
        about = {"id": f"{name}-{kind}", "question": question}
        if len(entities) == 1:
            _, first, last = entities[0]
            start = sum(len(word) + 1 for word in words[:first])
            answers = [{"answer_start": start, "text": " ".join(words[first:last])}]
            yield {**about, "answers": answers, "is_impossible": False}
        elif not entities and draw(about["id"]) < _ASKED_IN_VAIN_RATE:
            yield {**about, "answers": [], "is_impossible": True}


def draw(name: str) -> float:
    """A number from 0 to 1 that only depends on the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32


# Baselines ------------------------------------------------------------------------


def measure_baseline(name: str, data: Any, config: Any) -> float:
    """What does without a network, on the test rows."""
    from electra_keras.experiments.baselines import (
        FREQUENT_TAG,
        TFIDF,
        run_baseline,
    )
    from electra_keras.experiments.labelled_pool import LabelledPool

    train, test = data.splits["train"].rows, data.splits["test"].rows
    kind = data.kind
    if name in ("n-grams", "frequent tag"):
        held_out = {k: v for k, v in data.splits.items() if k != "train"}
        pool = LabelledPool(config, kind, data.splits["train"].labelled, held_out)
        way = TFIDF if name == "n-grams" else FREQUENT_TAG
        return run_baseline(way, pool, train)["test"]["task_score"]
    if name == "no answer":
        none = {"answer": "", "start": 0, "end": 0, "probability": 0.0}
        return kind.measure(test, [none] * len(test))[kind.score]
    likeness = make_likeness(train)
    if config.task.kind == "regression":
        # Here 0 is the same and 1 is another.
        predicted = [-value for value in likeness(test)]
        return kind.measure(test, predicted)[kind.score]
    return measure_threshold(kind, likeness, train, test)


def make_likeness(train: list[Any]) -> Callable[[list[Any]], list[float]]:
    """The cosine of two texts' character n-grams, weighed by TF-IDF."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True)
    vectorizer.fit([text for row in train for text in (row.text, row.text_pair)])

    def measure(rows: list[Any]) -> list[float]:
        ours = vectorizer.transform([row.text for row in rows])
        theirs = vectorizer.transform([row.text_pair for row in rows])
        return ours.multiply(theirs).sum(axis=1).A1.tolist()

    return measure


def measure_threshold(
    kind: Any,
    likeness: Callable[[list[Any]], list[float]],
    train: list[Any],
    test: list[Any],
) -> float:
    """Says "the same" above the likeness that fits the training rows best."""

    def predict(values: list[float], least: float) -> list[dict[str, str]]:
        return [{"label": "0" if value >= least else "1"} for value in values]

    values = likeness(train)
    least = max(
        sorted(values)[:: max(1, len(values) // 200)],
        key=lambda at: kind.measure(train, predict(values, at))[kind.score],
    )
    return kind.measure(test, predict(likeness(test), least))[kind.score]


# Runs -----------------------------------------------------------------------------


def measure_task(task: TaskRun, options: argparse.Namespace) -> list[str]:
    """Tunes with and without pre-training; a row of the table."""
    from electra_keras.data.tokenizer import Tokenizer
    from electra_keras.finetuning.encoding import PieceFinder
    from electra_keras.finetuning.task_data import load_task_data
    from electra_keras.finetuning.task_loading import (
        load_task,
        settle_sequence_length,
    )
    from electra_keras.finetuning.tuning import tune
    from electra_keras.interchange.sources import open_pretrained

    settings = (*task.settings, f"training.trials={options.trials}", *options.set)
    config = load_task(f"configs/tasks/{task.config}.yaml", settings)
    cells = []
    for way in ("pretrained", "scratch"):
        folder = Path(options.output, f"{task.config}-{way}")
        tuned = tune(
            *(config, options.init_from, folder), from_scratch=way == "scratch"
        )
        spread = tuned.figures["test"][tuned.score]
        low, high = spread["minimum"], spread["maximum"]
        cells.append(f"{spread['median']:.3f} ({low:.3f} to {high:.3f})")
    source = open_pretrained(options.init_from)
    config = settle_sequence_length(config, source.sequence_length)
    finder = PieceFinder(Tokenizer(source.vocabulary, source.tokenizer))
    data = load_task_data(config, finder)
    counts = [f"{len(data.splits[name].rows):,}" for name in ("train", "test")]
    baseline = f"{measure_baseline(task.baseline, data, config):.3f} ({task.baseline})"
    return [task.name, config.task.kind, *counts, tuned.score, *cells, baseline]


def main() -> None:
    """Parses, tunes, prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--init_from", required=True, help="pre-trained model")
    parser.add_argument("--labelled", required=True, help="folder of labelled files")
    parser.add_argument("--output", required=True, help="folder to make or go on with")
    parser.add_argument("--trials", type=int, default=3, help="seeds")
    parser.add_argument("--tasks", default="", help="names of configs, by commas")
    parser.add_argument("--set", action="append", default=[], help="for every task")
    options = parser.parse_args()
    import_tensorflow_quietly()
    labelled, output = Path(options.labelled), Path(options.output)
    output.mkdir(parents=True, exist_ok=True)
    for split, name in (("train", "train"), ("validation", "test")):
        path = output / f"questions_{name}.json"
        make_questions(labelled / f"ner_{split}.tsv", path)
    heads = ("task", "kind", "learned", "tested", "score", "pre-trained")
    heads = (*heads, "from scratch", "baseline")
    wanted = options.tasks.split(",") if options.tasks else None
    rows = [
        measure_task(task, options)
        for task in list_tasks(labelled, output)
        if wanted is None or task.config in wanted
    ]
    lines = [heads, ("---",) * len(heads), *rows]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    (output / "task_kinds.md").write_text(text, "utf-8")
    table = Table(*heads, title=f"{options.trials} trials each")
    for row in rows:
        table.add_row(*row)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
