"""python -m pytest tests/test_export.py"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.errors import UsageError
from electra_keras.serving import export as export_module
from electra_keras.serving.export import export_run
from electra_keras.serving.prediction import predict
from electra_keras.training.saved_run import SavedRun, load_run


@pytest.fixture(scope="module")
def run(run_folder: Path) -> SavedRun:
    return load_run(run_folder)


@pytest.fixture(scope="module")
def model(run: SavedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 of the export of `run`."""
    return export_run(run, tmp_path_factory.mktemp("export") / "models")


@pytest.fixture(scope="module")
def loaded(model: Path):
    return tf.saved_model.load(str(model))


# 가 is entry 6, a is 22, ! is 39; the rest is unknown.
TEXTS = ["가 나 다!", "a b zebra c", "하나"]
IDS = [[2, 6, 7, 8, 39, 3, 0], [2, 22, 23, 1, 24, 3, 0], [2, 19, 21, 3, 0, 0, 0]]


def test_text_signature_equals_the_keras_network(run: SavedRun, loaded) -> None:
    answer = loaded.signatures["serving_default"](text=tf.constant(TEXTS))
    token_ids = np.array(IDS)[:, :6]
    padding_mask = (token_ids > 0).astype(np.int32)
    assert answer["padding_mask"].numpy().tolist() == padding_mask.tolist()
    tokens = [
        [run.vocabulary.entries[i] if i else "" for i in row] for row in token_ids
    ]
    decoded = [[token.decode() for token in row] for row in answer["tokens"].numpy()]
    assert decoded == tokens
    outputs = run.discriminator(
        {
            "token_ids": tf.constant(token_ids),
            "segment_ids": tf.zeros_like(token_ids),
            "padding_mask": tf.constant(padding_mask),
        },
        training=False,
    )
    expected = tf.sigmoid(outputs["replaced_logits"]).numpy() * padding_mask
    received = answer["replaced_probability"].numpy()
    assert received == pytest.approx(expected, abs=1e-5)
    assert not received[padding_mask == 0].any()
    assert received[padding_mask == 1].all()
    states = outputs["hidden_states"].numpy()
    assert answer["embeddings"].numpy() == pytest.approx(states, abs=1e-5)


def test_tokens_signature_equals_the_keras_network(run: SavedRun, loaded) -> None:
    token_ids = tf.constant([[2, 6, 7, 3, 8, 9, 3, 0], [2, 22, 3, 0, 0, 0, 0, 0]])
    inputs = {
        "token_ids": token_ids,
        "segment_ids": tf.constant([[0, 0, 0, 0, 1, 1, 1, 0], [0] * 8]),
        "padding_mask": tf.cast(token_ids > 0, tf.int32),
    }
    answer = loaded.signatures["tokens"](**inputs)
    assert set(answer) == {"replaced_probability", "embeddings"}
    outputs = run.discriminator(inputs, training=False)
    expected = tf.sigmoid(outputs["replaced_logits"]) * tf.cast(token_ids > 0, "float")
    received = answer["replaced_probability"].numpy()
    assert received == pytest.approx(expected.numpy(), abs=1e-5)
    assert not received[token_ids.numpy() == 0].any()
    states = outputs["hidden_states"].numpy()
    assert answer["embeddings"].numpy() == pytest.approx(states, abs=1e-5)


def test_signatures_have_these_names_and_types(loaded) -> None:
    signatures = loaded.signatures
    assert set(signatures) == {"serving_default", "tokens"}
    text = signatures["serving_default"]
    assert text.structured_input_signature[1]["text"].dtype == tf.string
    assert {k: v.dtype for k, v in text.structured_outputs.items()} == {
        "tokens": tf.string,
        "padding_mask": tf.int32,
        "replaced_probability": tf.float32,
        "embeddings": tf.float32,
    }
    inputs = signatures["tokens"].structured_input_signature[1]
    assert {name: value.dtype for name, value in inputs.items()} == {
        "token_ids": tf.int32,
        "segment_ids": tf.int32,
        "padding_mask": tf.int32,
    }


def test_answer_for_a_text_does_not_depend_on_its_batch(loaded) -> None:
    together = loaded.signatures["serving_default"](text=tf.constant(TEXTS))
    for place, text in enumerate(TEXTS):
        alone = loaded.signatures["serving_default"](text=tf.constant([text]))
        expected = alone["replaced_probability"].numpy()[0]
        received = together["replaced_probability"].numpy()[place, : len(expected)]
        assert received == pytest.approx(expected, abs=1e-5)


ODD = [
    "",
    " \t\n",
    "👍🏽👨‍👩‍👧",
    b"\xff\xfe broken \xc3",
    b"\x00",
    "[CLS] [MASK] [PAD]",
    "ㅋㅋㅠㅠ",
    "a " * 5_000,
    "a" * 5_000,
]


def test_odd_texts_get_an_answer(loaded) -> None:
    answer = loaded.signatures["serving_default"](text=tf.constant(ODD))
    lengths = answer["padding_mask"].numpy().sum(axis=1)
    assert lengths[0] == lengths[1] == 2  # [CLS] [SEP] alone.
    assert lengths[-2] == lengths.max() == 16  # Cut at the trained length.
    tokens = answer["tokens"].numpy()
    assert tokens[-2].tolist() == [b"[CLS]", *[b"a"] * 14, b"[SEP]"]
    assert tokens[-1, :3].tolist() == [b"[CLS]", b"[UNK]", b"[SEP]"]
    assert not {b"[MASK]", b"[PAD]"} & set(tokens[5].tolist())
    assert tokens[5].tolist().count(b"[CLS]") == 1
    probability = answer["replaced_probability"].numpy()
    assert np.isfinite(probability).all()
    assert ((probability >= 0) & (probability <= 1)).all()


def test_token_rows_are_cut_at_the_trained_length(run: SavedRun, loaded) -> None:
    rows = {
        "token_ids": [[2, *[6, 7, 8, 9] * 4, 3], [2, 22, 3, *[0] * 15]],
        "segment_ids": [[0] * 9 + [1] * 9, [0] * 18],
        "padding_mask": [[1] * 18, [1] * 3 + [0] * 15],
    }
    cut = {name: [row[:16] for row in value] for name, value in rows.items()}
    answers = [
        loaded.signatures["tokens"](**{k: tf.constant(v) for k, v in given.items()})
        for given in (rows, cut)
    ]
    for name, shape in (("replaced_probability", (2, 16)), ("embeddings", (2, 16, 32))):
        longer, shorter = (answer[name].numpy() for answer in answers)
        assert longer.shape == shape
        np.testing.assert_array_equal(longer, shorter)


def test_rows_can_be_cut_elsewhere(run: SavedRun, tmp_path: Path) -> None:
    version = export_run(run, tmp_path / "models", sequence_length=5)
    (prediction,) = predict(version, ["a b c d e f"])
    assert prediction.tokens == ("[CLS]", "a", "b", "c", "[SEP]")
    about = json.loads((version / "assets.extra" / "export.json").read_text())
    assert (about["trained_sequence_length"], about["sequence_length"]) == (16, 5)


@pytest.mark.parametrize("sequence_length", [2, 17])
def test_length_without_positions_is_refused(
    run: SavedRun, tmp_path: Path, sequence_length: int
) -> None:
    with pytest.raises(UsageError, match="expected 3 to 16, the positions of the"):
        export_run(run, tmp_path / "models", sequence_length=sequence_length)
    assert not (tmp_path / "models").exists()


def test_trained_length_is_the_checkpoints_and_else_the_datas(run: SavedRun) -> None:
    def trained(length: int) -> int:
        checkpoint = dataclasses.replace(run.checkpoint, trained_sequence_length=length)
        return dataclasses.replace(run, checkpoint=checkpoint).trained_sequence_length

    assert trained(64) == 64  # Of initial weights that knew longer rows.
    assert trained(0) == run.info.sequence_length == 16  # Of an older checkpoint.


def test_decomposed_korean_is_the_composed(loaded) -> None:
    import unicodedata

    texts = [unicodedata.normalize(form, "가 나 다") for form in ("NFC", "NFD")]
    tokens = loaded.signatures["serving_default"](text=tf.constant(texts))["tokens"]
    assert tokens.numpy()[0].tolist() == tokens.numpy()[1].tolist()
    assert tokens.numpy()[0, 1].decode() == "가"


ALONE = """
import sys
import tensorflow as tf
import tensorflow_text

model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["serving_default"](text=tf.constant(["가 나 다!"]))
assert not any(name.startswith("electra_keras") for name in sys.modules)
print(*answer["replaced_probability"].numpy()[0].tolist())
"""


def test_model_answers_in_a_process_without_this_project(
    model: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", ALONE, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    (prediction,) = predict(model, ["가 나 다!"])
    received = [float(value) for value in done.stdout.split()]
    assert received == pytest.approx(list(prediction.replaced_probabilities), abs=1e-5)


def test_prediction_pairs_tokens_and_probabilities(model: Path) -> None:
    first, second = predict(model, ["가 나 다!", "a"])
    assert first.tokens == ("[CLS]", "가", "나", "다", "!", "[SEP]")
    assert second.tokens == ("[CLS]", "a", "[SEP]")
    assert len(first.replaced_probabilities) == 6
    assert all(0 < value < 1 for value in second.replaced_probabilities)


def test_versions_count_up_and_an_earlier_one_is_untouched(
    run: SavedRun, tmp_path: Path
) -> None:
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "saved_model.pb").write_bytes(b"precious")
    (tmp_path / "notes.txt").write_text("mine")
    assert export_run(run, tmp_path) == tmp_path / "4"
    assert (tmp_path / "3" / "saved_model.pb").read_bytes() == b"precious"
    assert {path.name for path in tmp_path.iterdir()} == {"3", "4", "notes.txt"}


def test_version_brings_its_provenance_and_weights_once(
    run: SavedRun, model: Path
) -> None:
    extra = {path.name for path in (model / "assets.extra").iterdir()}
    copied = {"config.yaml", "data_info.json", "vocab.txt"}
    assert extra == {*copied, "export.json"}
    assert json.loads((model / "assets.extra" / "export.json").read_text()) == {
        "step": 9,
        "trained_sequence_length": 16,
        "sequence_length": 16,
    }
    for name in copied:
        received = (model / "assets.extra" / name).read_bytes()
        assert received == (run.folder / name).read_bytes()
    variables = (model / "variables").glob("variables.data*")
    size = sum(path.stat().st_size for path in variables)
    weights = 4 * run.discriminator.count_params()
    assert weights <= size < 1.2 * weights + 4096


def test_failed_export_leaves_nothing(
    run: SavedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module.shutil, "copyfile", fail)
    monkeypatch.setattr(
        export_module, "_write_saved_model", lambda run, folder, _: folder.mkdir()
    )
    with pytest.raises(OSError, match="No space left"):
        export_run(run, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_output_that_is_a_file_is_refused(run: SavedRun, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    with pytest.raises(UsageError, match="models is a file; expected a folder"):
        export_run(run, tmp_path / "models")


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no SavedModel in .*; expected"):
        predict(tmp_path, ["a"])


def test_tokenizer_of_the_model_is_the_datas(run: SavedRun, model: Path) -> None:
    tokenizer = Tokenizer(run.vocabulary, run.info.tokenizer)
    pieces = tokenizer.tokenize(tf.constant(TEXTS)).to_list()
    for text, ids in zip(TEXTS, pieces, strict=True):
        (prediction,) = predict(model, [text])
        entries = [run.vocabulary.entries[i] for i in ids]
        assert list(prediction.tokens[1:-1]) == entries
