"""python -m pytest tests/test_serving_fuzz.py

The short form of benchmarks/fuzz_serving.py, whose strings and checks it uses.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.serving.export import export_run
from electra_keras.training.saved_run import load_run

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def fuzz_serving() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import fuzz_serving

    return fuzz_serving


@pytest.fixture(scope="module")
def model(
    fuzz_serving: ModuleType,
    run_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
):
    folder = tmp_path_factory.mktemp("export") / "models"
    return fuzz_serving.open_model(export_run(load_run(run_folder), folder))


def test_two_thousand_odd_strings_are_served(fuzz_serving, model) -> None:
    report = fuzz_serving.fuzz(model, 2_000, seed=1)
    assert report.examples == []
    assert sum(report.strings.values()) == 2_000
    assert set(report.strings) == set(fuzz_serving.KINDS)


def test_the_same_seed_gives_the_same_strings(fuzz_serving) -> None:
    first, again, other = (
        list(fuzz_serving.make_strings(200, seed)) for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("token_ids", lambda value: value + 1, "other ids"),
        ("token_starts", lambda value: value + 9, "offsets"),
        ("token_ends", lambda value: value[:, ::-1], "offsets"),
        ("naturalness", lambda value: value * np.nan, "not finite"),
        ("replaced_probability", lambda value: value + 0.5, "probability of padding"),
    ],
)
def test_faults_are_found(fuzz_serving, model, name, change, fault) -> None:
    class Broken(dict):
        """Signatures one of whose outputs is wrong."""

        def __missing__(self, key: str):
            def answer(text):
                said = dict(model.signatures[key](text=text))
                if name in said:
                    said[name] = tf.constant(change(said[name].numpy()))
                return said

            return answer

        def __contains__(self, key: object) -> bool:
            return True

    broken = fuzz_serving.ServedModel(Broken(), model.tokenizer, model.sequence_length)
    texts = ["가 나 다".encode(), b"a"]
    assert fault in fuzz_serving.find_faults(broken, texts, 0)[1]


def test_an_answer_that_depends_on_the_batch_is_found(fuzz_serving, model) -> None:
    row = {"naturalness": np.float32(1), "tokens": np.array([b"a", b""], object)}
    other = {"naturalness": np.float32(2), "tokens": np.array([b"a"], object)}
    assert fuzz_serving._is_same(row | {"tokens": row["tokens"][:1]}, row)
    assert not fuzz_serving._is_same(other, row)
