"""A SavedModel with the signatures of an export and answers to know by heart.

A word is a token, and a tenth of its letters is the probability that it was
replaced: "cooked" has 0.6. Of the tokens of a row, [CLS] being 0, the 2nd,
6th, ... is replaced when a text is corrupted, with "replaced" (0.8) for an odd
seed and "cat" (0.3) for an even one; the 4th, 8th, ... is masked and stays.
Tests of the demo page use it; it takes one text at a time.
"""

from __future__ import annotations

import json
from pathlib import Path

import tensorflow as tf

SEQUENCE_LENGTH = 16
_TEXT = tf.TensorSpec([None], tf.string, "text")
_SEED = tf.TensorSpec([None], tf.int32, "seed")


def write_spelled_model(folder: Path, *, with_generator: bool) -> Path:
    """Writes the model as a version's folder."""
    module = tf.Module()
    signatures = {
        "serving_default": tf.function(_look, input_signature=[_TEXT]),
        "score": tf.function(_score, input_signature=[_TEXT]),
    }
    if with_generator:
        signatures["corrupt"] = tf.function(_corrupt, input_signature=[_TEXT, _SEED])
    tf.saved_model.save(module, str(folder), signatures=signatures)
    (folder / "assets.extra").mkdir()
    about = {"sequence_length": SEQUENCE_LENGTH}
    (folder / "assets.extra" / "export.json").write_text(json.dumps(about))
    return folder


def _find_words(text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    is_letter = tf.strings.unicode_decode(text[0], "UTF-8") != ord(" ")
    padded = tf.pad(is_letter, [[1, 1]])
    edges = tf.cast(tf.where(padded[1:] != padded[:-1])[:, 0], tf.int32)
    starts, ends = (edges[i::2][: SEQUENCE_LENGTH - 2] for i in (0, 1))
    texts = tf.repeat(text, tf.size(starts))
    return tf.strings.substr(texts, starts, ends - starts, "UTF8_CHAR"), starts, ends


def _judge(words: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor) -> dict:
    letters = tf.strings.length(words, "UTF8_CHAR")
    probability = tf.pad(tf.cast(letters, tf.float32) / 10, [[1, 1]])
    tokens = tf.concat([["[CLS]"], words, ["[SEP]"]], 0)
    answer = {
        "tokens": tokens,
        "token_starts": tf.pad(starts, [[1, 1]]),
        "token_ends": tf.pad(ends, [[1, 1]]),
        "padding_mask": tf.ones_like(tokens, tf.int32),
        "replaced_probability": probability,
    }
    return {name: value[tf.newaxis] for name, value in answer.items()}


def _look(text: tf.Tensor) -> dict:
    return _judge(*_find_words(text))


def _score(text: tf.Tensor) -> dict:
    probability = _look(text)["replaced_probability"][:, 1:-1]
    return {"naturalness": 1 - tf.reduce_mean(probability, axis=1)}


def _corrupt(text: tf.Tensor, seed: tf.Tensor) -> dict:
    words, starts, ends = _find_words(text)
    place = 1 + tf.range(tf.size(words))
    is_replaced = place % 4 == 2
    sample = tf.where(seed[0] % 2 == 1, "replaced", "cat")
    answer = _judge(tf.where(is_replaced, sample, words), starts, ends)
    flags = {"is_masked": place % 2 == 0, "is_replaced": is_replaced}
    for name, flag in flags.items():
        answer[name] = tf.pad(tf.cast(flag, tf.int32), [[1, 1]])[tf.newaxis]
    original = tf.concat([["[CLS]"], words, ["[SEP]"]], 0)
    return {**answer, "original_tokens": original[tf.newaxis]}


def write_two_versions(folder: Path) -> Path:
    """Writes versions 1 and 2, of which the first has a generator; their folder."""
    write_spelled_model(folder / "1", with_generator=True)
    write_spelled_model(folder / "2", with_generator=False)
    return folder
