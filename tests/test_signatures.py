"""python -m pytest tests/test_signatures.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ModelConfig
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.objectives.shared.registry import find_objective
from electra_keras.serving.export import export_run
from electra_keras.serving.served_text import ServedText
from electra_keras.serving.signatures import ServedNetwork
from electra_keras.training.saved_run import SavedRun, load_run


@pytest.fixture(scope="module")
def run(run_folder: Path) -> SavedRun:
    return load_run(run_folder)


@pytest.fixture(scope="module")
def signatures(run: SavedRun, tmp_path_factory: pytest.TempPathFactory):
    """Those of an export of `run`, loaded again."""
    version = export_run(run, tmp_path_factory.mktemp("export") / "models")
    return tf.saved_model.load(str(version)).signatures


# 가 is entry 6, a is 22, ! is 39; the rest is unknown.
TEXTS = ["가 나 다!", "a b zebra c", "하나"]
IDS = [[2, 6, 7, 8, 39, 3], [2, 22, 23, 1, 24, 3], [2, 19, 21, 3, 0, 0]]


def as_inputs(token_ids) -> dict[str, tf.Tensor]:
    token_ids = tf.constant(token_ids, tf.int32)
    return {
        "token_ids": token_ids,
        "segment_ids": tf.zeros_like(token_ids),
        "padding_mask": tf.cast(token_ids > 0, tf.int32),
    }


def test_signatures_have_these_names_and_types(signatures) -> None:
    rows = {"token_ids": "int32", "segment_ids": "int32", "padding_mask": "int32"}
    words = {"tokens": "string", "token_starts": "int32", "token_ends": "int32"}
    vectors = {"mean_embedding": "float32", "cls_embedding": "float32"}
    vectors["replaced_probability"] = "float32"
    text = {"text": "string"}
    assert {
        name: (
            {
                k: v.dtype.name
                for k, v in function.structured_input_signature[1].items()
            },
            {k: v.dtype.name for k, v in function.structured_outputs.items()},
        )
        for name, function in signatures.items()
    } == {
        "serving_default": (text, {**words, "padding_mask": "int32", **vectors}),
        "tokens": (rows, vectors),
        "hidden_states": (rows, {"hidden_states": "float32"}),
        "tokenize": (text, {**rows, **words}),
        "score": (text, {"naturalness": "float32"}),
    }


def test_text_signature_equals_the_keras_network(run: SavedRun, signatures) -> None:
    answer = signatures["serving_default"](text=tf.constant(TEXTS))
    inputs = as_inputs(IDS)
    padding_mask = inputs["padding_mask"].numpy()
    assert answer["padding_mask"].numpy().tolist() == padding_mask.tolist()
    decoded = [[token.decode() for token in row] for row in answer["tokens"].numpy()]
    entries = run.vocabulary.entries
    assert decoded == [[entries[i] if i else "" for i in row] for row in IDS]
    assert answer["token_starts"].numpy().tolist() == [
        [0, 0, 2, 4, 5, 6],
        [0, 0, 2, 4, 10, 11],
        [0, 0, 1, 2, 2, 2],
    ]
    outputs = run.discriminator(inputs, training=False)
    expected = tf.sigmoid(outputs["replaced_logits"]).numpy() * padding_mask
    received = answer["replaced_probability"].numpy()
    assert received == pytest.approx(expected, abs=1e-5)
    assert not received[padding_mask == 0].any()
    assert received[padding_mask == 1].all()
    states = outputs["hidden_states"].numpy()
    assert answer["cls_embedding"].numpy() == pytest.approx(states[:, 0], abs=1e-5)
    mean = [states[i, : sum(padding_mask[i])].mean(axis=0) for i in range(3)]
    assert answer["mean_embedding"].numpy() == pytest.approx(np.array(mean), abs=1e-5)


def test_token_signatures_equal_the_keras_network(run: SavedRun, signatures) -> None:
    inputs = as_inputs([[2, 6, 7, 3, 8, 9, 3, 0], [2, 22, 3, 0, 0, 0, 0, 0]])
    inputs["segment_ids"] = tf.constant([[0, 0, 0, 0, 1, 1, 1, 0], [0] * 8])
    answer = signatures["tokens"](**inputs)
    outputs = run.discriminator(inputs, training=False)
    is_real = inputs["padding_mask"].numpy()
    expected = tf.sigmoid(outputs["replaced_logits"]).numpy() * is_real
    received = answer["replaced_probability"].numpy()
    assert received == pytest.approx(expected, abs=1e-5)
    assert not received[is_real == 0].any()
    states = outputs["hidden_states"].numpy()
    said = signatures["hidden_states"](**inputs)["hidden_states"].numpy()
    assert said == pytest.approx(states, abs=1e-5)
    mean = states[1, :3].mean(axis=0)
    assert answer["mean_embedding"].numpy()[1] == pytest.approx(mean, abs=1e-5)


def test_token_rows_are_cut_at_the_trained_length(signatures) -> None:
    rows = {
        "token_ids": [[2, *[6, 7, 8, 9] * 4, 3], [2, 22, 3, *[0] * 15]],
        "segment_ids": [[0] * 9 + [1] * 9, [0] * 18],
        "padding_mask": [[1] * 18, [1] * 3 + [0] * 15],
    }
    longer = {name: tf.constant(value) for name, value in rows.items()}
    shorter = {name: value[:, :16] for name, value in longer.items()}
    for name in ("tokens", "hidden_states"):
        received, expected = (signatures[name](**x) for x in (longer, shorter))
        for key, value in received.items():
            np.testing.assert_array_equal(value.numpy(), expected[key].numpy())
    assert received["hidden_states"].shape == (2, 16, 32)


def test_a_row_of_padding_alone_gives_numbers(signatures) -> None:
    answer = signatures["tokens"](**as_inputs([[0, 0], [2, 3]]))
    assert not answer["mean_embedding"].numpy()[0].any()
    assert all(np.isfinite(value.numpy()).all() for value in answer.values())


@pytest.mark.parametrize("name", ["serving_default", "score"])
def test_answer_for_a_text_does_not_depend_on_its_batch(signatures, name) -> None:
    together = signatures[name](text=tf.constant(TEXTS))
    for place, text in enumerate(TEXTS):
        alone = signatures[name](text=tf.constant([text]))
        for key, value in alone.items():
            expected = value.numpy()[0]
            received = together[key].numpy()[place]
            if key.startswith("token") or key.endswith(("mask", "probability")):
                received = received[: len(expected)]
            if value.dtype == tf.float32:
                assert received == pytest.approx(expected, abs=1e-5)
            else:
                assert received.tolist() == expected.tolist()


def test_no_text_gives_no_answers(signatures) -> None:
    for name in ("serving_default", "tokenize", "score"):
        for value in signatures[name](text=tf.constant([], tf.string)).values():
            assert value.shape[0] == 0


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


def test_odd_texts_get_an_answer(signatures) -> None:
    answer = signatures["serving_default"](text=tf.constant(ODD))
    lengths = answer["padding_mask"].numpy().sum(axis=1)
    assert lengths[0] == lengths[1] == lengths[4] == 2  # [CLS] [SEP] alone.
    assert lengths[-2] == lengths.max() == 16  # Cut at the trained length.
    tokens = answer["tokens"].numpy()
    assert tokens[-2].tolist() == [b"[CLS]", *[b"a"] * 14, b"[SEP]"]
    assert tokens[-1, :3].tolist() == [b"[CLS]", b"[UNK]", b"[SEP]"]
    assert not {b"[MASK]", b"[PAD]"} & set(tokens[5].tolist())
    assert tokens[5].tolist().count(b"[CLS]") == 1
    probability = answer["replaced_probability"].numpy()
    assert np.isfinite(probability).all()
    assert ((probability >= 0) & (probability <= 1)).all()


def test_score_is_the_mean_log_probability_of_originals(signatures) -> None:
    texts = ["가 나 다!", "a zebra", "", "zebra"]
    scores = signatures["score"](text=tf.constant(texts))["naturalness"].numpy()
    answer = signatures["serving_default"](text=tf.constant(texts))
    log = np.log1p(-answer["replaced_probability"].numpy())
    assert scores[0] == pytest.approx(log[0, 1:5].mean(), abs=1e-5)
    assert scores[1] == pytest.approx(log[1, 1], abs=1e-5)  # zebra is [UNK].
    assert scores[2] == scores[3] == 0
    assert scores[0] < 0


def served(objective: str, run: SavedRun, config: ModelConfig) -> ServedNetwork:
    networks = find_objective(objective).build(config).networks
    text = ServedText(Tokenizer(run.vocabulary, run.info.tokenizer), 16)
    return ServedNetwork(
        networks["discriminator"], text, tells_energies=objective == "electric"
    )


def test_electric_scores_by_energies(run: SavedRun, tiny_model: ModelConfig) -> None:
    network = served("electric", run, tiny_model)
    text = tf.constant(["가 나 zebra"])
    rows = network.text.tokenize(text)
    inputs = {k: rows[k] for k in ("token_ids", "segment_ids", "padding_mask")}
    energies = network.discriminator(inputs)["replaced_logits"].numpy()
    expected = -energies[0, 1:3].mean()
    received = network.score(text)["naturalness"].numpy()
    assert received == pytest.approx([expected], abs=1e-5)


@pytest.mark.parametrize("objective", ["mlm", "replace_mlm"])
def test_networks_that_predict_tokens_tell_no_replaced_ones(
    run: SavedRun, tiny_model: ModelConfig, objective: str
) -> None:
    network = served(objective, run, tiny_model)
    assert set(network.signatures()) == {
        "serving_default",
        "tokenize",
        "tokens",
        "hidden_states",
    }
    answer = network.from_text(tf.constant(["가"]))
    assert "replaced_probability" not in answer
    assert answer["mean_embedding"].shape == (1, 32)
