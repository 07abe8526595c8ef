"""python -m pytest tests/test_moods.py"""

from __future__ import annotations

import numpy as np

from electra_keras.finetuning.retrieval.moods import MoodClassifier


def test_moods_are_learned_with_their_probability() -> None:
    features = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    classifier = MoodClassifier(features, ["love", "love", "daily", "daily"])
    found = classifier.classify(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]))
    assert [mood for mood, _ in found[:2]] == ["love", "daily"]
    assert found[0][1] > 0.7
    assert abs(found[2][1] - 0.5) < 1e-6
    asked = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert classifier.accuracy(asked, ["love", "love"]) == 0.5


def test_one_mood_is_certain() -> None:
    classifier = MoodClassifier(np.ones((3, 2)), ["daily"] * 3)
    assert classifier.classify(np.ones((1, 2))) == [("daily", 1.0)]


def test_sparse_features_do() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer()
    features = vectorizer.fit_transform(["보고 싶다", "헤어졌어 슬퍼"])
    classifier = MoodClassifier(features, ["2", "1"])
    assert classifier.classify(vectorizer.transform(["슬퍼"]))[0][0] == "1"
