"""What tuning is worth: held-out questions asked of every way to find an answer.

Reads `chatbot_folder.py` and `lexical.py`; writes `evaluation.json` into the folder.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence

import keras
import numpy as np

from electra_keras.errors import UsageError
from electra_keras.finetuning.retrieval.chat_pairs import ChatPairs
from electra_keras.finetuning.retrieval.chat_vectors import ChatVectors
from electra_keras.finetuning.retrieval.chatbot_folder import ChatbotFolder
from electra_keras.finetuning.retrieval.lexical import Bm25, Tfidf
from electra_keras.finetuning.retrieval.moods import MoodClassifier
from electra_keras.finetuning.retrieval.ranking import (
    ANSWERS,
    QUESTIONS,
    find_ranks,
    measure_ranks,
    score_by_questions,
)
from electra_keras.finetuning.retrieval.vector_network import build_vector_network
from electra_keras.finetuning.task_network import fill_encoder
from electra_keras.interchange.initial_weights import hash_weights
from electra_keras.interchange.sources import open_pretrained
from electra_keras.whole_files import write_text

EVALUATION_FILE = "evaluation.json"
Figures = dict[str, float]
# By the name of a way to find answers, such as "BM25 of words, questions".
Rows = dict[str, Figures]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Figures of held-out questions.

    Attributes:
        split: "validation" or "test".
        questions: How many are asked.
        answers: How many there are to choose from.
        reachable: Share of the questions one of whose answers a training question
            has too; by questions no more can be found.
        seeds: Trials; figures of tuned networks are their medians.
        rows: Of each way: `recall_at_1`, `recall_at_10`, `mrr`.
        moods: Accuracy of each way to tell the mood.
        notes: What was left out, and why.
    """

    split: str
    questions: int
    answers: int
    reachable: float
    seeds: int
    rows: Rows
    moods: Figures
    notes: list[str]

    def to_text(self) -> str:
        """Returns tables in Markdown for a terminal and for docs."""
        lines = [
            f"{self.questions:,} {self.split} questions, {self.answers:,} answers; an "
            f"answer of {self.reachable:.1%} of the questions is that of a training "
            f"question; tuned: median of {self.seeds}",
            "",
            "| way | recall@1 | recall@10 | MRR |",
            "|---|---|---|---|",
        ]
        for name, row in self.rows.items():
            recalls = f"{row['recall_at_1']:.3f} | {row['recall_at_10']:.3f}"
            lines.append(f"| {name} | {recalls} | {row['mrr']:.3f} |")
        lines += ["", "| mood | accuracy |", "|---|---|"]
        lines += [f"| {name} | {value:.3f} |" for name, value in self.moods.items()]
        return "\n".join([*lines, *self.notes])


def compare(
    folder: ChatbotFolder, split: str = "test", *, checkpoint: str = "latest"
) -> Comparison:
    """Asks held-out questions of baselines, of the plain and of the tuned network.

    Every way sees training questions alone; candidates are all answers of the file.

    Args:
        folder: Read.
        split: "test", or "validation" while choosing settings.
        checkpoint: Of the pre-trained run, as in training.
    """
    pairs, right = folder.chat.pairs, folder.chat.pairs.right_answers(split)
    known = set(pairs.links_of("train")[:, 1].tolist())
    reachable = np.mean([not known.isdisjoint(answers.tolist()) for answers in right])
    lexical, similarities, moods = _ask_baselines(pairs, split, right)
    rows, notes = dict(lexical), []
    try:
        plain = ChatVectors.of(folder.chat, _load_plain(folder, checkpoint))
        rows |= _name_routes("plain ELECTRA", plain.measure(pairs, split))
        moods["plain ELECTRA"] = _tell_moods(plain.questions, pairs, split)
    except UsageError as error:
        notes.append(f"plain ELECTRA was left out: {error}")
    found, told = [], []
    for result in folder.results:
        vectors = ChatVectors.of(folder.chat, folder.load_network(result.seed))
        routes = vectors.measure(pairs, split)
        asked, train = (vectors.questions[pairs.splits[x]] for x in (split, "train"))
        both = _measure_questions(similarities + asked @ train.T, pairs, right)
        found.append(
            _name_routes("tuned ELECTRA", routes)
            | {"tuned ELECTRA + TF-IDF, questions": both}
        )
        told.append(_tell_moods(vectors.questions, pairs, split))
    rows |= {
        name: {key: statistics.median(f[name][key] for f in found) for key in row}
        for name, row in found[0].items()
    }
    moods["tuned ELECTRA"] = statistics.median(told)
    comparison = Comparison(
        *(split, len(right), len(pairs.answers), float(reachable), len(found)),
        *(rows, moods, notes),
    )
    text = json.dumps(dataclasses.asdict(comparison), indent=2, ensure_ascii=False)
    write_text(folder.folder / EVALUATION_FILE, text + "\n")
    return comparison


def _ask_baselines(
    pairs: ChatPairs, split: str, right: Sequence[np.ndarray]
) -> tuple[Rows, np.ndarray, Figures]:
    """Asks what needs no network.

    Returns: Figures by way, TF-IDF's similarities of questions, float64 (N, K), and
        accuracies of moods.
    """
    asked, known = (
        [pairs.questions[place] for place in pairs.splits[name].tolist()]
        for name in (split, "train")
    )
    answers = list(pairs.answers)
    tfidf = Tfidf([*known, *answers])
    similarities = tfidf.score(asked, known)
    chance = np.zeros((len(asked), len(answers)))
    rows = {
        "chance": measure_ranks(*find_ranks(chance, right)),
        f"TF-IDF, {QUESTIONS}": _measure_questions(similarities, pairs, right),
        f"TF-IDF, {ANSWERS}": _measure_answers(tfidf.score(asked, answers), right),
    }
    for unit in ("word", "bigram"):
        name = f"BM25 of {unit}s"
        scores = Bm25(known, unit).score(asked)
        rows[f"{name}, {QUESTIONS}"] = _measure_questions(scores, pairs, right)
        scores = Bm25(answers, unit).score(asked)
        rows[f"{name}, {ANSWERS}"] = _measure_answers(scores, right)
    learned, asked_moods = (_moods_of(pairs, name) for name in ("train", split))
    classifier = MoodClassifier(tfidf.vectorizer.transform(known), learned)
    features = tfidf.vectorizer.transform(asked)
    most_frequent = max(sorted(set(learned)), key=learned.count)
    moods = {
        "the most frequent": float(np.mean([m == most_frequent for m in asked_moods])),
        "TF-IDF": classifier.accuracy(features, asked_moods),
    }
    return rows, similarities, moods


def _measure_questions(
    similarities: np.ndarray, pairs: ChatPairs, right: Sequence[np.ndarray]
) -> Figures:
    links = pairs.links_of("train")
    scores = score_by_questions(similarities, links, len(pairs.answers))
    return _measure_answers(scores, right)


def _measure_answers(scores: np.ndarray, right: Sequence[np.ndarray]) -> Figures:
    return measure_ranks(*find_ranks(scores, right))


def _name_routes(name: str, routes: dict[str, Figures]) -> Rows:
    return {f"{name}, {route}": figures for route, figures in routes.items()}


def _moods_of(pairs: ChatPairs, split: str) -> list[str]:
    return [pairs.moods[place] for place in pairs.splits[split].tolist()]


def _tell_moods(vectors: np.ndarray, pairs: ChatPairs, split: str) -> float:
    train, asked = pairs.splits["train"], pairs.splits[split]
    classifier = MoodClassifier(vectors[train], _moods_of(pairs, "train"))
    return classifier.accuracy(vectors[asked], _moods_of(pairs, split))


def _load_plain(folder: ChatbotFolder, checkpoint: str) -> keras.Model:
    """Loads the network as it was before tuning.

    Raises:
        UsageError: It is not there any more, or is another.
    """
    record = folder.pretrained
    source = open_pretrained(record.source, checkpoint=checkpoint)
    if hash_weights(source) != record.sha256:
        raise UsageError(
            f"other weights in {record.source} than those that were tuned",
            expected="the model as it was",
            fix="Give the --checkpoint of the training.",
        )
    network = build_vector_network(record.model, seed=0)
    fill_encoder(network, source)
    return network
