"""python -m pytest tests/test_served_corruption.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ExperimentConfig
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.errors import UsageError
from electra_keras.serving.export import export_run
from electra_keras.serving.served_corruption import ServedCorruption
from electra_keras.serving.served_text import ServedText
from electra_keras.serving.signatures import ServedNetwork
from electra_keras.training.run import build_objective
from electra_keras.training.saved_run import SavedRun, load_run

TEXTS = ["가 나 다 라 마 바 사 아 자 차 카 타", "a b c d zebra", "가", "", "!"]


@pytest.fixture(scope="module")
def run(run_folder: Path) -> SavedRun:
    return load_run(run_folder)


@pytest.fixture(scope="module")
def signatures(run: SavedRun, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("export") / "models"
    version = export_run(run, folder, with_generator=True)
    return tf.saved_model.load(str(version)).signatures


def ask(signatures, texts: list[str], seeds: list[int]) -> dict[str, np.ndarray]:
    inputs = {
        "text": tf.constant(texts, tf.string),
        "seed": tf.constant(seeds, tf.int32),
    }
    return {k: v.numpy() for k, v in signatures["corrupt"](**inputs).items()}


def test_answer_is_the_default_one_for_the_corrupted_tokens(
    run: SavedRun, signatures
) -> None:
    answer = ask(signatures, TEXTS, [0, 1, 2, 3, 4])
    original = signatures["serving_default"](text=tf.constant(TEXTS))
    assert set(answer) == {*original, "original_tokens", "is_masked", "is_replaced"}
    for name in ("token_starts", "token_ends", "padding_mask"):
        np.testing.assert_array_equal(answer[name], original[name].numpy())
    np.testing.assert_array_equal(answer["original_tokens"], original["tokens"])
    ids = run.vocabulary.ids | {"": 0}
    token_ids = [[ids[t.decode()] for t in row] for row in answer["tokens"]]
    said = signatures["tokens"](
        token_ids=tf.constant(token_ids),
        segment_ids=tf.zeros_like(answer["padding_mask"]),
        padding_mask=answer["padding_mask"],
    )
    for name, value in said.items():
        assert answer[name] == pytest.approx(value.numpy(), abs=1e-5)


def test_labels_say_what_changed(signatures) -> None:
    seeds = list(range(60))
    answer = ask(signatures, [TEXTS[0]] * 60, seeds)
    changed = answer["tokens"] != answer["original_tokens"]
    np.testing.assert_array_equal(answer["is_replaced"], changed)
    assert (answer["is_replaced"] <= answer["is_masked"]).all()
    # 14 tokens, [CLS] and [SEP] counted: round(0.15 x 14) are masked.
    assert set(answer["is_masked"].sum(axis=1)) == {2}
    assert answer["is_replaced"].sum() > 30
    assert not answer["is_masked"][:, [0, -1]].any()
    assert len({tuple(row) for row in answer["is_masked"]}) > 20
    tokens = {token.decode() for row in answer["tokens"][:, 1:-1] for token in row}
    assert not tokens & {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}


def test_special_tokens_stay(signatures) -> None:
    answer = ask(signatures, ["zebra", "", "a zebra"], [5, 6, 7])
    assert answer["is_masked"].tolist() == [[0] * 4, [0] * 4, [0, 1, 0, 0]]
    assert answer["tokens"][0].tolist() == [b"[CLS]", b"[UNK]", b"[SEP]", b""]


def test_a_row_depends_on_its_text_and_seed_alone(signatures) -> None:
    together = ask(signatures, TEXTS, [7, 7, 8, -1, 9])
    again = ask(signatures, TEXTS, [7, 7, 8, -1, 9])
    for place, (text, seed) in enumerate(zip(TEXTS, [7, 7, 8, -1, 9], strict=True)):
        alone = ask(signatures, [text], [seed])
        width = alone["tokens"].shape[1]
        for name in ("tokens", "is_masked", "is_replaced", "original_tokens"):
            np.testing.assert_array_equal(together[name], again[name])
            np.testing.assert_array_equal(together[name][place, :width], alone[name][0])


def test_no_text_gives_no_answers(signatures) -> None:
    answer = ask(signatures, [], [])
    assert {value.shape[0] for value in answer.values()} == {0}


def with_objective(run: SavedRun, config: ExperimentConfig, name: str) -> SavedRun:
    train = dataclasses.replace(run.config.train, objective=name)
    config = dataclasses.replace(run.config, train=train)
    objective = build_objective(config, run.vocabulary)
    return dataclasses.replace(run, config=config, objective=objective)


def corruption_of(run: SavedRun) -> ServedCorruption:
    text = ServedText(Tokenizer(run.vocabulary, run.info.tokenizer), 16)
    served = ServedNetwork(run.discriminator, text, tells_energies=False)
    return ServedCorruption(run, served)


@pytest.mark.parametrize("name", ["electric", "replace_mlm"])
def test_other_objectives_with_a_generator(
    run: SavedRun, tiny_config: ExperimentConfig, name: str
) -> None:
    corruption = corruption_of(with_objective(run, tiny_config, name))
    answer = corruption.corrupt(tf.constant(TEXTS), tf.range(5))
    assert answer["is_masked"].numpy().sum(axis=1).tolist() == [2, 1, 1, 0, 1]
    assert ("replaced_probability" in answer) == (name == "electric")


def test_a_run_without_a_generator_is_refused(
    run: SavedRun, tiny_config: ExperimentConfig
) -> None:
    with pytest.raises(UsageError, match="--with_generator for a run"):
        corruption_of(with_objective(run, tiny_config, "mlm"))
