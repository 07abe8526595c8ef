"""An exported model answers in a C program, with no Python in the process.

Run alone: python -m pytest tests/test_serving_program.py

The program is `serving_program/serving_program.c`, built here against the C++
runtime and headers that TensorFlow's wheel brings. Of tensorflow-text it loads
the three files of ops below, which are what a TF Serving binary links; they
need TensorFlow's libraries and those of the system, and no symbol of Python.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text
from tensorflow.core.protobuf import saved_model_pb2

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.serving.export import export_run
from electra_keras.training.saved_run import SavedRun, load_run

SOURCE = Path(__file__).parent / "serving_program" / "serving_program.c"
TENSORFLOW = Path(tf.__file__).parent
RUNTIME = [
    TENSORFLOW / name
    for name in ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
]
TEXT_OPS = [
    Path(tensorflow_text.__file__).parent / "python" / "ops" / name
    for name in (
        *("_fast_bert_normalizer.so", "_fast_wordpiece_tokenizer.so"),
        "_normalize_ops.so",
    )
]
# 가 is entry 6, a is 22, ! is 39; the rest is unknown.
TEXTS = ["가 나 다!", "a b zebra c", "하나"]
IDS = [[2, 6, 7, 8, 39, 3], [2, 22, 23, 1, 24, 3], [2, 19, 21, 3, 0, 0]]
TYPES = {"int32": np.int32, "float32": np.float32}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("no C compiler `cc` on Linux: the C program is not built")
    program = tmp_path_factory.mktemp("program") / "serving_program"
    command = [
        *(compiler, "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror"),
        *(f"-I{TENSORFLOW / 'include'}", SOURCE, "-o", program),
        *(*RUNTIME, f"-Wl,-rpath,{TENSORFLOW}"),
    ]
    subprocess.run(command, check=True)
    return program


@pytest.fixture(scope="module")
def run(run_folder: Path) -> SavedRun:
    return load_run(run_folder)


@pytest.fixture(scope="module")
def model(run: SavedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with all signatures."""
    folder = tmp_path_factory.mktemp("export") / "models"
    return export_run(run, folder, with_generator=True)


@pytest.fixture
def ask(program: Path, model: Path, tmp_path: Path):
    """Asks the program; rows of numbers or texts in, arrays out, by name."""

    def ask(signature: str, **inputs: list) -> dict[str, np.ndarray]:
        definition = read_signatures(model)[signature]
        assert inputs.keys() == set(definition.inputs)
        outputs = {name: info.name for name, info in definition.outputs.items()}
        files = []
        for name, rows in inputs.items():
            file = tmp_path / f"{name}.txt"
            file.write_text("".join(f"{line(row)}\n" for row in rows), "utf-8")
            files.append(f"{definition.inputs[name].name}={file}")
        libraries = ",".join(map(str, TEXT_OPS))
        command = [program, model, libraries, ",".join(outputs.values()), *files]
        # Every symbol is looked up at once, also those that no call reaches.
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=os.environ | {"LD_BIND_NOW": "1"},
        )
        assert done.returncode == 0, done.stderr[-2000:]
        by_tensor = parse(done.stdout)
        return {name: by_tensor[tensor] for name, tensor in outputs.items()}

    return ask


def read_signatures(model: Path) -> dict:
    """Reads the SignatureDefs, which name the tensors of a signature."""
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((model / "saved_model.pb").read_bytes())
    return dict(saved.meta_graphs[0].signature_def)


def line(row: str | int | list[int]) -> str:
    return " ".join(map(str, row)) if isinstance(row, list) else str(row)


def parse(printed: str) -> dict[str, np.ndarray]:
    """Parses what the program prints, by the names of tensors."""
    lines, place, tensors = printed.split("\n"), 0, {}
    while place < len(lines) - 1:
        name, kind, *shape = lines[place].split(" ")
        dimensions = [int(size) for size in shape]
        count = int(np.prod(dimensions))
        values = lines[place + 1 : place + 1 + count]
        place += 1 + count
        if kind == "string":
            decoded = [bytes.fromhex(value).decode() for value in values]
            tensors[name] = np.array(decoded, object).reshape(dimensions)
        else:
            tensors[name] = np.array(values, TYPES[kind]).reshape(dimensions)
    return tensors


def make_batch(ids: list[list[int]]) -> dict[str, list[list[int]]]:
    return {
        "token_ids": ids,
        "segment_ids": [[0] * len(row) for row in ids],
        "padding_mask": [[int(i > 0) for i in row] for row in ids],
    }


def keras_outputs(run: SavedRun, ids: list[list[int]]) -> dict[str, np.ndarray]:
    """The answers of the contract, by the Keras network alone."""
    batch = make_batch(ids)
    outputs = run.discriminator(
        {name: tf.constant(rows) for name, rows in batch.items()}, training=False
    )
    states = outputs["hidden_states"].numpy()
    mask = np.array(batch["padding_mask"], np.float32)
    logits = outputs["replaced_logits"].numpy()
    return {
        "hidden_states": states,
        "replaced_probability": mask / (1 + np.exp(-logits)),
        "mean_embedding": (states * mask[..., None]).sum(1) / mask.sum(1)[:, None],
        "cls_embedding": states[:, 0],
    }


NUMBERS = ("replaced_probability", "mean_embedding", "cls_embedding")


def assert_equal(
    received: dict[str, np.ndarray], run: SavedRun, names: tuple[str, ...]
) -> None:
    expected = keras_outputs(run, IDS)
    for name in names:
        assert received[name] == pytest.approx(expected[name], abs=1e-5), name


def test_text_in_numbers_out(run: SavedRun, ask) -> None:
    received = ask("serving_default", text=TEXTS)
    assert_equal(received, run, NUMBERS)
    assert received["padding_mask"].tolist() == make_batch(IDS)["padding_mask"]
    assert received["tokens"].tolist() == [
        ["[CLS]", "가", "나", "다", "!", "[SEP]"],
        ["[CLS]", "a", "b", "[UNK]", "c", "[SEP]"],
        ["[CLS]", "하", "##나", "[SEP]", "", ""],
    ]
    assert received["token_starts"][:, :5].tolist() == [
        *([0, 0, 2, 4, 5], [0, 0, 2, 4, 10], [0, 0, 1, 2, 2]),
    ]
    assert received["token_ends"][:, :5].tolist() == [
        *([0, 1, 3, 5, 6], [0, 1, 3, 9, 11], [0, 1, 2, 2, 2]),
    ]


def test_token_ids_in_numbers_out(run: SavedRun, ask) -> None:
    received = ask("tokens", **make_batch(IDS))
    assert set(received) == set(NUMBERS)
    assert_equal(received, run, NUMBERS)


def test_token_ids_in_hidden_states_out(run: SavedRun, ask) -> None:
    received = ask("hidden_states", **make_batch(IDS))
    assert received["hidden_states"].shape == (3, 6, 32)
    assert_equal(received, run, ("hidden_states",))


def test_text_in_token_ids_out(run: SavedRun, ask) -> None:
    received = ask("tokenize", text=TEXTS)
    for name, rows in make_batch(IDS).items():
        assert received[name].tolist() == rows, name
    pieces = Tokenizer(run.vocabulary, run.info.tokenizer).tokenize(TEXTS).to_list()
    assert [row[1 : 1 + len(ids)] for row, ids in zip(IDS, pieces, strict=True)] == (
        pieces
    )


def test_text_in_naturalness_out(run: SavedRun, ask) -> None:
    received = ask("score", text=TEXTS)["naturalness"]
    ids = np.array(IDS)
    is_counted = ids > 3  # Word pieces; neither padding, [UNK], [CLS] nor [SEP].
    original = np.log(1 - keras_outputs(run, IDS)["replaced_probability"])
    expected = (original * is_counted).sum(1) / is_counted.sum(1)
    assert received == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("signature", "inputs"),
    [("tokenize", {"text": TEXTS}), ("corrupt", {"text": TEXTS, "seed": [1, 2, 3]})],
)
def test_answers_as_in_python(model: Path, ask, signature: str, inputs: dict) -> None:
    received = ask(signature, **inputs)
    loaded = tf.saved_model.load(str(model)).signatures[signature]
    expected = loaded(**{name: tf.constant(rows) for name, rows in inputs.items()})
    assert received.keys() == expected.keys()
    for name, value in expected.items():
        if value.dtype == tf.float32:
            assert received[name] == pytest.approx(value.numpy(), abs=1e-5), name
        elif value.dtype == tf.string:
            assert received[name].tolist() == decode(value.numpy()), name
        else:
            assert received[name].tolist() == value.numpy().tolist(), name


def decode(rows: np.ndarray) -> list[list[str]]:
    return [[token.decode() for token in row] for row in rows]


def test_program_and_its_libraries_need_no_python(program: Path) -> None:
    for file in (program, *TEXT_OPS, *RUNTIME):
        listed = subprocess.run(["ldd", file], capture_output=True, text=True)
        assert listed.returncode == 0, listed.stderr
        names = re.findall(r"^\t(\S+)", listed.stdout, re.M)
        assert "libc.so.6" in names
        assert not [name for name in names if "python" in Path(name).name], file


def test_program_says_what_is_wrong(program: Path, model: Path, tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("가\n", "utf-8")
    libraries = ",".join(map(str, TEXT_OPS))
    command = [program, model, libraries, "nothing:0", f"serving_default_text:0={file}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "error: no such tensor in the graph: nothing:0" in done.stderr
