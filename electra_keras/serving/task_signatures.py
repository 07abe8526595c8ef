"""What the SavedModel of a task answers: raw text in, labels with names out.

Reads a tuned network and its kind of task; feeds `task_export.py`. The batch is
the first dimension of every input and output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from electra_keras.finetuning.answer_head import IMPOSSIBLE
from electra_keras.finetuning.tasks.classification import Classification
from electra_keras.finetuning.tasks.question_answering import QuestionAnswering
from electra_keras.finetuning.tasks.regression import Regression
from electra_keras.finetuning.tasks.task_kind import TaskKind
from electra_keras.finetuning.tasks.token_classification import TokenClassification
from electra_keras.serving.served_pair import ServedPair
from electra_keras.serving.served_text import TOKEN_NAMES, ServedText, Tensors

_TOKENS = tuple(tf.TensorSpec([None, None], tf.int32, name) for name in TOKEN_NAMES)
_OFFSETS = ("tokens", "token_starts", "token_ends", "padding_mask")


class ServedTask:
    """The signatures of the SavedModel.

    | kind                 | texts             | answer of `serving_default`     |
    |----------------------|-------------------|---------------------------------|
    | classification       | text, text_pair   | `label`, `name` string (B,);    |
    |                      | if there are two  | `probabilities` float32 (B, L); |
    |                      |                   | `labels` string (B, L)          |
    | regression           | the same          | `number` float32 (B,)           |
    | token_classification | text              | `tokens` string (B, S) and      |
    |                      |                   | their offsets; `tag` string     |
    |                      |                   | (B, S), "" where no word        |
    |                      |                   | starts; `tag_probability`       |
    | question_answering   | question, context | `answer` string (B,), "" for    |
    |                      |                   | none; `answer_start`,           |
    |                      |                   | `answer_end`, `is_cut` int32    |
    |                      |                   | (B,); `probability` (B,)        |

    Args:
        network: Of the task, float32, no strategy.
        kind: Of the task.
        text: Makes rows of single texts.
    """

    def __init__(
        self, network: keras.Model, kind: TaskKind[Any], text: ServedText
    ) -> None:
        self.network = network
        self.kind: Any = kind  # Each function below knows its own.
        self.text = text
        most = (
            kind.most_question_tokens if isinstance(kind, QuestionAnswering) else None
        )
        self._pair = ServedPair(text.tokenizer, text.sequence_length, most)
        self._specs = [tf.TensorSpec([None], tf.string, name) for name in kind.inputs]
        self._run = tf.function(self._run_network, _TOKENS)

    def signatures(self) -> dict[str, Callable[..., Tensors]]:
        """Lists the functions of the SavedModel by name."""
        answer, of_tokens = self._functions()
        functions = {"serving_default": tf.function(answer, self._specs)}
        if of_tokens is not None:
            functions["tokens"] = tf.function(of_tokens, _TOKENS)
        if len(self._specs) == 1:
            functions["tokenize"] = tf.function(self.text.tokenize, self._specs)
        return functions

    def _functions(self) -> tuple[Callable[..., Tensors], Callable | None]:
        kind = self.kind
        if isinstance(kind, Classification):
            return self._by_rows(self.classify), self.classify
        if isinstance(kind, Regression):
            return self._by_rows(self.rate), self.rate
        if isinstance(kind, TokenClassification):
            return self.tag_words, None
        if isinstance(kind, QuestionAnswering):
            return self.answer, None
        raise TypeError(f"no signature for {type(kind).__name__}")

    def _by_rows(self, of_tokens: Callable[..., Tensors]) -> Callable[..., Tensors]:
        """Puts the tokenizer before a function of ids."""
        if len(self._specs) == 1:

            def of_text(text: tf.Tensor) -> Tensors:
                rows = self.text.tokenize(text)
                return of_tokens(*(rows[name] for name in TOKEN_NAMES))

            return of_text

        def of_pair(text: tf.Tensor, text_pair: tf.Tensor) -> Tensors:
            rows = self._pair.tokenize(text, text_pair)
            return of_tokens(*(rows[name] for name in TOKEN_NAMES))

        return of_pair

    def classify(
        self, token_ids: tf.Tensor, segment_ids: tf.Tensor, padding_mask: tf.Tensor
    ) -> Tensors:
        """Gives the most probable label, and how probable each is."""
        logits = self._run(token_ids, segment_ids, padding_mask)["logits"]
        best = tf.argmax(logits, axis=1)
        labels = self.kind.labels
        values = tf.constant(labels.values)
        rows = tf.shape(logits)[0]
        return {
            "label": tf.gather(values, best),
            "name": tf.gather(tf.constant(labels.names), best),
            "probabilities": tf.nn.softmax(logits),
            "labels": tf.tile(values[tf.newaxis], [rows, 1]),
        }

    def rate(
        self, token_ids: tf.Tensor, segment_ids: tf.Tensor, padding_mask: tf.Tensor
    ) -> Tensors:
        """Gives a number on the scale of the training file."""
        logits = self._run(token_ids, segment_ids, padding_mask)["logits"][:, 0]
        low, high = self.kind.state["low"], self.kind.state["high"]
        return {"number": low + (high - low) * logits}

    def tag_words(self, text: tf.Tensor) -> Tensors:
        """Tags the word piece with which a word begins, after white space."""
        rows = self.text.tokenize(text)
        logits = self._run(*(rows[name] for name in TOKEN_NAMES))["logits"]
        is_start = _starts_word(text, rows)
        tags = tf.gather(tf.constant(self.kind.labels.values), tf.argmax(logits, 2))
        probability = tf.reduce_max(tf.nn.softmax(logits), axis=2)
        return {
            **{name: rows[name] for name in _OFFSETS},
            "tag": tf.where(is_start, tags, ""),
            "tag_probability": tf.where(is_start, probability, 0.0),
        }

    def answer(self, question: tf.Tensor, context: tf.Tensor) -> Tensors:
        """Finds the answer in what of the context fits into one row."""
        rows = self._pair.tokenize(question, context)
        outputs = self._run(*(rows[name] for name in TOKEN_NAMES))
        may_start = rows["segment_ids"] * outputs["answer_mask"]
        found = self.kind.reduce({"is_fullest": may_start}, outputs)
        best = tf.argmax(found["scores"], axis=1)[:, tf.newaxis]
        score = tf.gather(found["scores"], best, batch_dims=1)[:, 0]
        first, last = (
            tf.gather(found[name], best, batch_dims=1) for name in ("starts", "ends")
        )
        start = tf.gather(rows["second_starts"], first, batch_dims=1)[:, 0]
        end = tf.gather(rows["second_ends"], last, batch_dims=1)[:, 0]
        is_given = score > IMPOSSIBLE / 2
        answers: Tensors = {"probability": tf.exp(score), "is_cut": rows["is_cut"]}
        if self.kind.state["has_no_answer"]:
            doubt = found["no_answer_logits"]
            is_given &= doubt <= (self.kind.state["no_answer_threshold"] or 0.0)
            answers["no_answer_score"] = doubt
        start, end = (tf.where(is_given, place, 0) for place in (start, end))
        # As the offsets count: malformed bytes are a character each.
        whole = tf.strings.unicode_transcode(context, "UTF-8", "UTF-8")
        text = tf.strings.substr(whole, start, end - start, unit="UTF8_CHAR")
        return {"answer": text, "answer_start": start, "answer_end": end, **answers}

    def _run_network(
        self, token_ids: tf.Tensor, segment_ids: tf.Tensor, padding_mask: tf.Tensor
    ) -> Tensors:
        longest = self.text.sequence_length
        inputs = {
            "token_ids": token_ids[:, :longest],
            "segment_ids": segment_ids[:, :longest],
            "padding_mask": padding_mask[:, :longest],
        }
        outputs = self.network(inputs, training=False)
        return {n: v for n, v in outputs.items() if n != "hidden_states"}


def _starts_word(text: tf.Tensor, rows: Tensors) -> tf.Tensor:
    """Where a word of the text begins, which white space parts: bool (B, S)."""
    whole = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")
    # A character at least, so that every offset has a place.
    characters = tf.strings.unicode_split(tf.strings.join([whole, " "]), "UTF-8")
    is_space = tf.strings.regex_full_match(characters.to_tensor(""), r"[\s\pZ]")
    spaces = tf.cumsum(tf.cast(is_space, tf.int32), axis=1)
    before = tf.gather(spaces, rows["token_starts"], batch_dims=1)
    is_piece = (rows["token_ends"] > rows["token_starts"]) & (rows["padding_mask"] > 0)
    # [CLS] stands before the first word.
    previous = tf.concat([-tf.ones_like(before[:, :2]), before[:, 1:-1]], axis=1)
    return is_piece & (before != previous)
