"""python -m pytest tests/test_interchange_torch.py

Our export, loaded by Transformers. Runs where torch and transformers are: in this
environment, or in that of the interpreter that `TORCH_PYTHON` names:

    python -m venv VENV && VENV/bin/pip install torch transformers
    TORCH_PYTHON=VENV/bin/python python -m pytest tests/test_interchange_torch.py
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.interchange.conversion import convert
from electra_keras.interchange.initial_weights import import_networks
from electra_keras.interchange.sources import Pretrained, open_pretrained

DATA = Path(__file__).parent / "data"
SCRIPT = Path(__file__).parent / "torch_parity.py"
HERE = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
PYTHON = os.environ.get("TORCH_PYTHON") or (sys.executable if HERE else None)
TEXTS = [
    *("", "a", "가 나 다!", "하나", "b zebra c", "[MASK] [PAD]", "don't, ㅋㅋ😂 中文"),
    *("\u1100\u1161", "가" * 100, "가" * 101, "👍🏽👨‍👩‍👧", "a\u200bb\x00c\ufffd"),
]

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="no torch here, and TORCH_PYTHON names no interpreter"
)


def run_ours(source: Pretrained) -> dict[str, np.ndarray]:
    """Random inputs, and what our networks say of them."""
    noise = np.random.default_rng(0)
    shape = (3, source.sequence_length)
    lengths = np.array([[shape[1]], [shape[1] // 2], [3]])
    padding_mask = (np.arange(shape[1]) < lengths).astype(np.int32)
    token_ids = noise.integers(5, len(source.vocabulary), shape) * padding_mask
    segment_ids = (np.arange(shape[1]) >= lengths // 2) * padding_mask
    arrays = {
        "input_ids": token_ids,
        "attention_mask": padding_mask,
        "token_type_ids": segment_ids,
    }
    inputs = {
        "token_ids": tf.constant(token_ids, tf.int32),
        "segment_ids": tf.constant(segment_ids, tf.int32),
        "padding_mask": tf.constant(padding_mask, tf.int32),
        "mask_positions": tf.tile(tf.range(shape[1])[None], [shape[0], 1]),
    }
    for name, network in import_networks(source).items():
        wanted = {key: inputs[key] for key in network.input if key in inputs}
        said = network(wanted)
        logits = said["replaced_logits" if name == "discriminator" else "mask_logits"]
        arrays |= {
            f"{name}_logits": logits.numpy(),
            f"{name}_hidden": said["hidden_states"].numpy(),
        }
    return arrays


def compare(source: Pretrained, folder: Path) -> str:
    """Exports and lets Transformers compare; returns what it prints."""
    convert(source, "huggingface", folder / "export")
    np.savez(folder / "expected.npz", **run_ours(source))
    tokenizer = Tokenizer(source.vocabulary, source.tokenizer)
    ids = tokenizer.tokenize(tf.constant(TEXTS)).to_list()
    cases = {"texts": TEXTS, "ids": ids, "sequence_length": source.sequence_length}
    (folder / "tokens.json").write_text(json.dumps(cases), "utf-8")
    files = [folder / name for name in ("export", "expected.npz", "tokens.json")]
    environment: Mapping[str, str] = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [str(PYTHON), str(SCRIPT), *map(str, files)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize(
    "name", ["hf_electra_tiny", "google_electra_tiny/model.ckpt"], ids=["hf", "tf1"]
)
def test_transformers_says_what_we_say(name: str, tmp_path: Path) -> None:
    assert compare(open_pretrained(DATA / name), tmp_path).count(": at most ") == 4


def test_transformers_loads_a_run(run_folder: Path, tmp_path: Path) -> None:
    assert compare(open_pretrained(run_folder), tmp_path).count(": at most ") == 4
