"""Token classification: a tag for every word, such as names or parts of speech.

Joins `tagged_files.py`, `label_set.py` and `tag_encoding.py`; found by
`registry.py`.
"""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.heads import TaskHead
from electra_keras.finetuning.label_set import (
    LabelSet,
    find_labels,
    warn_of_rare_labels,
)
from electra_keras.finetuning.metrics.classification import (
    count_confusions,
    measure_classification,
)
from electra_keras.finetuning.metrics.entities import measure_entities
from electra_keras.finetuning.set_aside import LabelledFile
from electra_keras.finetuning.tagged_files import (
    OUTSIDE,
    TaggedRow,
    has_prefix,
    read_tagged_file,
    set_unknown_tags_aside,
)
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.tasks.tag_encoding import (
    IGNORED,
    EncodedSentences,
    encode_tags,
)
from electra_keras.finetuning.tasks.task_kind import (
    Batch,
    Encoded,
    Example,
    Outputs,
    TaskKind,
    make_example,
)


class TokenClassification(TaskKind[TaggedRow]):
    """A tag of each word, by the softmax of the logits of its first word piece.

    State: `values` and `names` of the tags, and `unseen`, the tag of words that
    have no word piece or were cut: "O" or, if there is none, the most frequent one.
    A prediction is a list of tags, one a word.

    If no tag has a prefix (B-, I-), each word is a thing of its own, as a part of
    speech is: the score is accuracy then, not F1 of entities.
    """

    features: ClassVar[dict[str, int | None]] = {"tag_ids": IGNORED}

    def __init__(self, config: TaskConfig, state: dict[str, Any]) -> None:
        super().__init__(config, state)
        self.labels = LabelSet(tuple(state["values"]), tuple(state["names"]))
        self.has_entities = any(map(has_prefix, self.labels.values))
        self.score = "f1" if self.has_entities else "accuracy"

    @staticmethod
    def read(path: str, config: TaskConfig) -> LabelledFile[TaggedRow]:
        """Reads words and tags."""
        return read_tagged_file(path, config.columns)

    @staticmethod
    def key(row: TaggedRow) -> str:
        """Its words."""
        return " ".join(row.words)

    @staticmethod
    def learn(rows: Sequence[TaggedRow], config: TaskConfig) -> dict[str, Any]:
        """Finds the tags."""
        found = [tag for row in rows for tag in row.tags]
        labels = find_labels(found, config.labels)
        counts = collections.Counter(found)
        frequent = max(labels.values, key=lambda tag: counts[tag])
        return {
            "values": list(labels.values),
            "names": list(labels.names),
            "unseen": OUTSIDE if OUTSIDE in labels.values else frequent,
        }

    def warnings(self, rows: Sequence[TaggedRow]) -> list[str]:
        """Names tags with one word or none, and tells of tags without prefixes."""
        found = [tag for row in rows for tag in row.tags]
        told = warn_of_rare_labels(found, self.labels)
        if not self.has_entities:
            told.append(
                "no tag has a prefix such as B-: each word is measured by itself, "
                "and the score is accuracy"
            )
        return told

    def keep_known(self, labelled: LabelledFile[TaggedRow]) -> LabelledFile[TaggedRow]:
        """Sets sentences with other tags aside."""
        return set_unknown_tags_aside(labelled, self.labels.values)

    def make_row(self, texts: Sequence[str], place: int) -> TaggedRow:
        """Makes a sentence; white space parts its words."""
        words = tuple(texts[0].split())
        return TaggedRow(words, ("",) * len(words), place)

    def encode(self, rows: Sequence[TaggedRow], finder: PieceFinder) -> Encoded:
        """Encodes sentences; words whose tag is not known are not learned."""
        found = encode_tags(rows, self.labels.values, finder, self.sequence_length)
        examples = [
            make_example(
                sentence.row,
                tag_ids=sentence.tag_ids,
                word_places=sentence.word_places,
            )
            for sentence in found.sentences
        ]
        return Encoded(examples, self._notes(found))

    def _notes(self, found: EncodedSentences) -> tuple[str, ...]:
        words = sum(len(sentence.word_places) for sentence in found.sentences)
        reasons = {
            "were cut": found.cut_tags,
            "have no word piece": found.empty_tags,
        }
        return tuple(
            f"{count:,} of {words:,} words {reason}: predicted as "
            f"{self.state['unseen']}"
            for reason, count in reasons.items()
            if count
        )

    def build_head(self, hidden_dim: int, dropout_rate: float, seed: int) -> TaskHead:
        """Builds one logit a tag, from every token."""
        return TaskHead(
            len(self.labels.values),
            pooling="none",
            dropout_rate=dropout_rate,
            seed=seed,
            name="task_head",
        )

    def loss(self, batch: Batch, outputs: Batch) -> tf.Tensor:
        """Sums the cross-entropy over first word pieces, in nats."""
        tag_ids = batch["tag_ids"]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.maximum(tag_ids, 0), outputs["logits"]
        )
        return tf.reduce_sum(losses * _is_word(batch))

    def count(self, batch: Batch) -> tf.Tensor:
        """Counts words that have a word piece and a tag."""
        return tf.reduce_sum(_is_word(batch))

    def predict(
        self,
        rows: Sequence[TaggedRow],
        examples: Sequence[Example],
        outputs: Sequence[Outputs],
    ) -> list[list[str]]:
        """Takes the most probable tag of each word."""
        values, unseen = self.labels.values, self.state["unseen"]
        predictions = []
        for example, output in zip(examples, outputs, strict=True):
            best = output["logits"].argmax(axis=1)
            places = example["word_places"]
            predictions.append(
                [values[best[place]] if place >= 0 else unseen for place in places]
            )
        return predictions

    def measure(
        self, rows: Sequence[TaggedRow], predictions: Sequence[Sequence[str]]
    ) -> dict[str, float]:
        """Gives F1 of entities; without entities accuracy, macro F1 and others."""
        if self.has_entities:
            return measure_entities([row.tags for row in rows], predictions)
        ids = {value: place for place, value in enumerate(self.labels.values)}
        right = [ids[tag] for row in rows for tag in row.tags]
        found = [ids[tag] for tags in predictions for tag in tags]
        confusions = count_confusions(
            np.array(right, int), np.array(found, int), len(ids)
        )
        return measure_classification(confusions)


def _is_word(batch: Batch) -> tf.Tensor:
    """1 for tokens that bear a tag to learn: float32 (B, S)."""
    is_tagged = tf.cast(batch["tag_ids"] != IGNORED, tf.float32)
    return is_tagged * batch["weights"][:, tf.newaxis]
