"""Retrieval without a network: TF-IDF of character n-grams, and BM25.

Reads texts, feeds `retrieval_comparison.py`: what a tuned network has to beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# The best of five on validation questions of love_chat.csv.
_TFIDF_NGRAMS = (1, 2)
# As in most systems; of the answers and questions of a chat b hardly matters.
K1 = 1.5
B = 0.75


class Tfidf:
    """Cosines of TF-IDF vectors of character n-grams within words.

    Args:
        texts: By which terms are weighted.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.vectorizer = TfidfVectorizer(
            analyzer="char_wb", ngram_range=_TFIDF_NGRAMS, sublinear_tf=True
        )
        self.vectorizer.fit(texts)

    def score(self, queries: Sequence[str], documents: Sequence[str]) -> np.ndarray:
        """Compares N queries with M documents: float64 (N, M), from 0 to 1."""
        left, right = map(self.vectorizer.transform, (queries, documents))
        return (left @ right.T).toarray()


class Bm25:
    """Okapi BM25 with idf = ln(1 + (N - n + 0.5) / (n + 0.5)), never below 0.

    Args:
        documents: M texts to find.
        unit: "word": runs of letters and digits; "bigram": two characters of a word,
            its borders included.

    Source: Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework",
        with the idf of Lucene.
    """

    def __init__(self, documents: Sequence[str], unit: str) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        settings: dict[str, Any] = (
            {"token_pattern": r"\w+"}
            if unit == "word"
            else {"analyzer": "char_wb", "ngram_range": (2, 2)}
        )
        self._counter = CountVectorizer(**settings)
        counts = self._counter.fit_transform(documents).astype(np.float64).tocoo()
        lengths = np.asarray(counts.sum(axis=1)).ravel()
        frequencies = np.bincount(counts.col, minlength=counts.shape[1])
        idf = np.log1p((len(documents) - frequencies + 0.5) / (frequencies + 0.5))
        relative = lengths / lengths.mean()
        dampened = counts.data + K1 * (1.0 - B + B * relative[counts.row])
        counts.data = idf[counts.col] * counts.data * (K1 + 1.0) / dampened
        self._weights = counts.tocsr()

    def score(self, queries: Sequence[str]) -> np.ndarray:
        """Scores the documents for N queries: float64 (N, M)."""
        return (self._counter.transform(queries) @ self._weights.T).toarray()
