"""What does without a network: the least that a pre-training must be worth.

Reads rows of `labelled_pool.py`; its figures stand in the same table.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Any

from electra_keras.experiments.labelled_pool import LabelledPool
from electra_keras.finetuning.task_config import TaskConfig

TFIDF = "tfidf"
FREQUENT_TAG = "frequent_tag"
_BASELINES = {"classification": TFIDF, "token_classification": FREQUENT_TAG}
# On Korean reviews, by rows held out: with 5,000 labels 0.4 points above n-grams that
# stay within words, with 1,000 equal.
_GRAMS = (1, 4)
_INVERSE_PENALTIES = (1.0, 3.0, 10.0, 30.0)
_MOST_ITERATIONS = 1_000


def find_baseline(config: TaskConfig) -> str | None:
    """Names the baseline of a kind of task; None: it has none."""
    return _BASELINES.get(config.task.kind)


def run_baseline(
    name: str, pool: LabelledPool, rows: Sequence[Any]
) -> dict[str, dict[str, float]]:
    """Learns from rows and measures.

    Args:
        name: From `find_baseline`.
        pool: Of the task.
        rows: That were drawn of it.

    Returns: Figures by split and name, as those of a trial.
    """
    kind = pool.kind
    held_out = {name: split.rows for name, split in pool.held_out.items()}
    predict = _learn_texts(rows, pool) if name == TFIDF else _learn_tags(rows)
    figures = {}
    for split, those in held_out.items():
        measured = kind.measure(those, predict(those))
        figures[split] = {"task_score": measured[kind.score], **measured}
    return figures


def _learn_texts(
    rows: Sequence[Any], pool: LabelledPool
) -> Callable[[Sequence[Any]], list[Any]]:
    """Logistic regression on character n-grams, weighed by TF-IDF.

    How much weights are held down is chosen by the rows held out, as the epochs
    of networks are; of equals the stronger.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(
        analyzer="char", ngram_range=_GRAMS, sublinear_tf=True, lowercase=False
    )
    features = vectorizer.fit_transform([pool.kind.key(row) for row in rows])
    labels = [str(row.label) for row in rows]
    weighted = pool.config.task.class_weights == "balanced"
    validation = pool.held_out["validation"].rows
    best: tuple[float, Any] | None = None
    for inverse_penalty in _INVERSE_PENALTIES:
        model = LogisticRegression(
            C=inverse_penalty,
            class_weight="balanced" if weighted else None,
            max_iter=_MOST_ITERATIONS,
        ).fit(features, labels)

        def predict(those: Sequence[Any], model: Any = model) -> list[Any]:
            texts = vectorizer.transform([pool.kind.key(row) for row in those])
            return [{"label": str(label)} for label in model.predict(texts)]

        measured = pool.kind.measure(validation, predict(validation))
        if best is None or measured[pool.kind.score] > best[0]:
            best = (measured[pool.kind.score], predict)
    if best is None:
        raise ValueError("no penalty to choose from")
    return best[1]


def _learn_tags(rows: Sequence[Any]) -> Callable[[Sequence[Any]], list[Any]]:
    """The most frequent tag of each word; of unseen words that of all words.

    Of equals the first in the order of the alphabet.
    """
    by_word: dict[str, collections.Counter[str]] = collections.defaultdict(
        collections.Counter
    )
    for row in rows:
        for word, tag in zip(row.words, row.tags, strict=True):
            by_word[word][tag] += 1
    everywhere = sum(by_word.values(), collections.Counter())
    tags = {word: _first(counts) for word, counts in by_word.items()}
    unseen = _first(everywhere)
    return lambda those: [[tags.get(word, unseen) for word in r.words] for r in those]


def _first(counts: collections.Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag))
