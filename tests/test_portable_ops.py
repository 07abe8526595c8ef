"""python -m pytest tests/test_portable_ops.py"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_text as tf_text

from electra_keras.errors import ElectraError
from electra_keras.serving.export import export_run
from electra_keras.serving.portable_ops import check_portable_ops, read_ops
from electra_keras.training.saved_run import load_run

TEXT = tf.TensorSpec([None], tf.string)


def save(function: Callable, folder: Path) -> Path:
    module = tf.Module()
    module.function = tf.function(function, input_signature=[TEXT])
    tf.saved_model.save(module, str(folder))
    return folder


def test_text_ops_that_are_linked_pass(tmp_path: Path) -> None:
    def normalize(text):
        return tf.strings.length(tf_text.normalize_utf8(text, "NFC"), "UTF8_CHAR")

    folder = save(normalize, tmp_path / "model")
    assert {"NormalizeUTF8", "StringLength"} <= read_ops(folder)
    check_portable_ops(folder)


def test_an_op_that_is_not_linked_is_refused_by_name(tmp_path: Path) -> None:
    def trim(text):
        pieces = tf_text.WhitespaceTokenizer().tokenize(text)
        return tf_text.RoundRobinTrimmer(2).trim([pieces])[0].to_tensor()

    folder = save(trim, tmp_path / "model")
    with pytest.raises(ElectraError, match="with the ops TFText>RoundRobinTrim; exp"):
        check_portable_ops(folder)


def test_an_op_inside_a_branch_is_seen(tmp_path: Path) -> None:
    def choose(text):
        def trim():
            pieces = tf_text.WhitespaceTokenizer().tokenize(text)
            return tf_text.RoundRobinTrimmer(2).trim([pieces])[0].to_tensor()

        return tf.cond(tf.size(text) > 2, trim, lambda: text[:, tf.newaxis])

    with pytest.raises(ElectraError, match="RoundRobinTrim"):
        check_portable_ops(save(choose, tmp_path / "model"))


def test_an_op_younger_than_the_servers_is_refused(tmp_path: Path) -> None:
    def lengths(text):
        values = tf.strings.length(text)
        return tf.raw_ops.SegmentMaxV2(
            data=values, segment_ids=tf.range(tf.size(text)), num_segments=3
        )

    with pytest.raises(ElectraError, match="SegmentMaxV2"):
        check_portable_ops(save(lengths, tmp_path / "model"))


def test_text_ops_of_an_export_are_these(run_folder: Path, tmp_path: Path) -> None:
    ops = read_ops(export_run(load_run(run_folder), tmp_path / "models"))
    assert {op for op in ops if not hasattr(tf.raw_ops, op)} == {
        "FastWordpieceTokenizeWithOffsets",
        "NormalizeUTF8",
    }
