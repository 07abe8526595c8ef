"""python -m pytest tests/test_dense_rows.py

A dense row computes what its blocks would in rows of their own.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ExperimentConfig, ModelConfig
from electra_keras.data.dataset import make_eval_dataset, make_train_dataset
from electra_keras.data.features import encode_example, parse_examples
from electra_keras.data.info import (
    INFO_FILE,
    DatasetInfo,
    ShardInfo,
    load_info,
)
from electra_keras.errors import ElectraError
from electra_keras.models.blocks import block_positions
from electra_keras.models.networks import build_networks
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.objectives.electra import ElectraObjective

S = 16
BLOCKS = [[5, 4, 7], [6, 9], [3, 3, 3], [16]]


def make_records() -> list[bytes]:
    choose = np.random.default_rng(3)
    records = []
    for row in BLOCKS:
        ids = [[2, *choose.integers(6, 40, tokens - 2), 3] for tokens in row]
        flat = np.concatenate(ids)
        records.append(encode_example(flat, len(flat), block_tokens=row))
    return records


@pytest.fixture(scope="module")
def rows() -> dict[str, tf.Tensor]:
    return parse_examples(tf.constant(make_records()), S, packing="dense")


def split_blocks(rows: dict[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], np.ndarray]:
    """The same blocks, one a row, and where each token of them stands."""
    ids = rows["token_ids"].numpy()
    places = []
    short: dict[str, list[list[int]]] = {"token_ids": [], "padding_mask": []}
    for number, row in enumerate(BLOCKS):
        start = 0
        for tokens in row:
            block = ids[number, start : start + tokens].tolist()
            short["token_ids"].append(block + [0] * (S - tokens))
            short["padding_mask"].append([1] * tokens + [0] * (S - tokens))
            places += [(number, start + place) for place in range(tokens)]
            start += tokens
    batch = {name: tf.constant(value) for name, value in short.items()}
    batch["segment_ids"] = tf.zeros_like(batch["token_ids"])
    return batch, np.array(places)


@pytest.fixture(scope="module")
def networks(tiny_model: ModelConfig) -> tuple[keras.Model, keras.Model]:
    networks = build_networks(tiny_model, seed=1)
    for network in networks:
        for place, variable in enumerate(network.variables):
            noise = tf.random.stateless_normal(variable.shape, [place, 7]) * 0.2
            variable.assign(noise + (1.0 if variable.name == "gamma" else 0.0))
    return networks


def test_blocks_are_numbered_and_positions_restart(rows) -> None:
    assert rows["block_ids"].numpy().tolist() == [
        [1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3],
        [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0],
        [1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0],
        [1] * 16,
    ]
    assert rows["block_ids"].dtype == tf.int32
    assert not rows["segment_ids"].numpy().any()
    assert block_positions(rows["block_ids"]).numpy().tolist() == [
        [0, 1, 2, 3, 4, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6],
        [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0],
        [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0],
        list(range(16)),
    ]


def test_unknown_packing_is_refused() -> None:
    with pytest.raises(ElectraError, match="data with packing 'tight'"):
        parse_examples(tf.constant(make_records()), S, packing="tight")


def test_discriminator_computes_what_it_would_for_the_blocks(networks, rows) -> None:
    discriminator = networks[1]
    short, places = split_blocks(rows)
    dense = discriminator(rows, training=False)
    alone = discriminator(short, training=False)
    is_real = short["padding_mask"].numpy() > 0
    for name in ("hidden_states", "replaced_logits"):
        received = dense[name].numpy()[places[:, 0], places[:, 1]]
        assert received == pytest.approx(alone[name].numpy()[is_real], abs=1e-5)
    without = {name: rows[name] for name in rows if name != "block_ids"}
    other = discriminator(without, training=False)["hidden_states"].numpy()
    assert np.abs(other - dense["hidden_states"].numpy()).max() > 0.1


def test_generator_computes_what_it_would_for_the_blocks(networks, rows) -> None:
    generator = networks[0]
    short, places = split_blocks(rows)
    # Every position is a masked one.
    everywhere = tf.broadcast_to(tf.range(S), [len(BLOCKS), S])
    dense = generator({**rows, "mask_positions": everywhere})["mask_logits"].numpy()
    everywhere = tf.broadcast_to(tf.range(S), short["token_ids"].shape)
    alone = generator({**short, "mask_positions": everywhere})["mask_logits"].numpy()
    is_real = short["padding_mask"].numpy() > 0
    received = dense[places[:, 0], places[:, 1]]
    assert received == pytest.approx(alone[is_real], abs=1e-5)


def test_gradients_are_those_of_the_blocks(networks, rows) -> None:
    discriminator = networks[1]
    short, _ = split_blocks(rows)
    gradients = []
    for batch in (rows, short):
        with tf.GradientTape() as tape:
            logits = discriminator(batch, training=True)["replaced_logits"]
            real = tf.cast(batch["padding_mask"], tf.float32)
            loss = tf.reduce_sum(tf.nn.softplus(logits) * real)
        variables = [v.value for v in discriminator.trainable_variables]
        gradients.append(
            [tf.convert_to_tensor(g).numpy() for g in tape.gradient(loss, variables)]
        )
    for dense, alone in zip(*gradients, strict=True):
        largest = max(1.0, float(np.abs(alone).max()))
        assert dense == pytest.approx(alone, abs=1e-5 * largest)


def test_plain_rows_add_nothing_to_the_graph(networks, rows) -> None:
    names = ("token_ids", "segment_ids", "padding_mask")
    plain = {name: rows[name] for name in names}
    discriminator = networks[1]

    def shapes(batch: dict[str, tf.Tensor]) -> list[list[int]]:
        graph = tf.function(discriminator).get_concrete_function(batch).graph
        return [
            output.shape.as_list()
            for operation in graph.get_operations()
            for output in operation.outputs
            if output.dtype == tf.bool or output.shape.rank == 4
        ]

    assert [4, 1, 1, S] in shapes(plain)
    assert [4, S, S] not in shapes(plain) and [4, 1, S, S] not in shapes(plain)
    assert [4, S, S] in shapes(rows) and [4, 1, S, S] in shapes(rows)


@pytest.fixture(scope="module")
def dense_folder(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder with other rows: two or three short blocks each."""
    folder = tmp_path_factory.mktemp("dense")
    for path in data_folder.iterdir():
        if path.suffix != ".gz":
            (folder / path.name).write_bytes(path.read_bytes())
    info = load_info(data_folder)
    splits = {}
    for split, repeats in (("train", 10), ("validation", 3)):
        file = folder / f"{split}-00000.tfrecord.gz"
        with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
            for record in make_records() * repeats:
                writer.write(record)
        data = file.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        examples, tokens = len(BLOCKS) * repeats, sum(map(sum, BLOCKS)) * repeats
        splits[split] = (ShardInfo(file.name, examples, tokens, len(data), digest),)
    info = dataclasses.replace(info, packing="dense", splits=splits)
    (folder / INFO_FILE).write_text(info.to_json(), "utf-8")
    return folder


def test_folders_that_do_not_say_are_packed_as_the_reference(data_folder: Path) -> None:
    fields = json.loads((data_folder / INFO_FILE).read_text("utf-8"))
    del fields["packing"]
    assert DatasetInfo.from_json(json.dumps(fields)).packing == "reference"


def test_batches_have_block_ids_and_static_shapes(dense_folder: Path) -> None:
    train = make_train_dataset(dense_folder, global_batch_size=8)
    held_out = make_eval_dataset(dense_folder, global_batch_size=8)
    for dataset in (train, held_out):
        spec = dataset.element_spec
        assert (spec["block_ids"].shape, spec["block_ids"].dtype) == ((8, S), tf.int32)
        assert all(value.shape.is_fully_defined() for value in spec.values())
    batch = list(held_out)[-1]
    # The last batch is filled up with padding, which is in no block.
    assert batch["block_ids"].numpy().any(axis=1).tolist() == [True] * 4 + [False] * 4
    # n follows from the tokens of the row, 16: round(0.15 x 16), two slots.
    assert batch["mask_weights"].numpy()[0].tolist() == [1.0, 1.0]


def test_objective_passes_blocks_on(tiny_model: ModelConfig, dense_folder) -> None:
    batch = next(iter(make_eval_dataset(dense_folder, global_batch_size=4)))
    seen = []

    class Spy:
        def __init__(self, outputs: dict[str, tf.Tensor]):
            self.outputs = outputs

        def __call__(self, inputs, training):
            seen.append(set(inputs))
            return self.outputs

    slots = batch["mask_positions"].shape[1]
    objective = ElectraObjective(
        {
            "generator": Spy(
                {
                    "mask_logits": tf.zeros([4, slots, 40]),
                    "hidden_states": tf.zeros([4, S, 8]),
                }
            ),
            "discriminator": Spy({"replaced_logits": tf.zeros([4, S])}),
        }
    )
    for given in (batch, {k: v for k, v in batch.items() if k != "block_ids"}):
        with noise_key(step_key(1, tf.constant(0), 0)):
            objective.forward(given, training=False)
    about = {"token_ids", "segment_ids", "padding_mask"}
    assert seen == [
        {*about, "mask_positions", "block_ids"},
        {*about, "block_ids"},
        {*about, "mask_positions"},
        about,
    ]


def test_a_run_on_dense_rows_trains_and_is_exported_for_plain_ones(
    dense_folder: Path, tiny_config: ExperimentConfig, tmp_path: Path
) -> None:
    from electra_keras.serving.export import export_run
    from electra_keras.training.run import train
    from electra_keras.training.saved_run import load_run

    short = dataclasses.replace(tiny_config.train, train_steps=2)
    config = dataclasses.replace(tiny_config, train=short)
    summary = train(config, dense_folder, tmp_path / "run")
    assert summary.step == 2
    run = load_run(tmp_path / "run")
    served = tf.saved_model.load(str(export_run(run, tmp_path / "export")))
    token_ids = tf.constant([[2, 7, 8, 3], [2, 9, 3, 0]])
    inputs = {
        "token_ids": token_ids,
        "segment_ids": tf.zeros_like(token_ids),
        "padding_mask": tf.cast(token_ids > 0, tf.int32),
    }
    answer = served.signatures["hidden_states"](**inputs)
    states = run.discriminator(inputs, training=False)["hidden_states"].numpy()
    assert answer["hidden_states"].numpy() == pytest.approx(states, abs=1e-6)
