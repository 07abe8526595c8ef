"""The mood of a question, learned linearly from vectors or from character n-grams.

Reads vectors of `vector_network.py`, feeds `chatbot.py` and `retrieval_comparison.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_MOST_ITERATIONS = 1_000


class MoodClassifier:
    """Logistic regression on features of questions, with scikit-learn's penalty.

    Args:
        features: (N, F), an array or a sparse matrix of scikit-learn.
        moods: N of them.
    """

    def __init__(self, features: Any, moods: Sequence[str]) -> None:
        from sklearn.dummy import DummyClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        # Of one mood there is nothing to learn.
        learner = (
            LogisticRegression(max_iter=_MOST_ITERATIONS)
            if len(set(moods)) > 1
            else DummyClassifier()
        )
        # A sparse matrix would be filled up if its mean were taken off.
        scaler = StandardScaler(with_mean=isinstance(features, np.ndarray))
        self._model = make_pipeline(scaler, learner)
        self._model.fit(features, list(moods))

    def classify(self, features: Any) -> list[tuple[str, float]]:
        """Gives each row its mood and how probable it is, from 0 to 1."""
        probabilities = self._model.predict_proba(features)
        moods = self._model.classes_
        return [(str(moods[row.argmax()]), float(row.max())) for row in probabilities]

    def accuracy(self, features: Any, moods: Sequence[str]) -> float:
        """Gives the share of rows whose mood is right."""
        found = [mood for mood, _ in self.classify(features)]
        return float(np.mean(np.array(found) == np.array(moods)))
