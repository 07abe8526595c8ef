"""python -m pytest tests/test_commands.py"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from electra_keras import (
    budget,
    convert,
    demo,
    doctor,
    evaluate,
    export,
    predict,
    train,
)
from electra_keras.config import ExperimentConfig
from electra_keras.errors import ElectraError

Capture = pytest.CaptureFixture[str]
Main = Callable[[list[str]], int]
COMMANDS = {
    "train": train,
    "evaluate": evaluate,
    "export": export,
    "predict": predict,
    "convert": convert,
    "budget": budget,
    "doctor": doctor,
    "demo": demo,
}


@pytest.fixture(scope="module")
def config_file(
    tiny_config: ExperimentConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(tiny_config.to_yaml())
    return path


@pytest.fixture
def run_copy(run_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run_folder, tmp_path / "run"))


@pytest.fixture(scope="module")
def model(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    assert export.main([f"--run={run_folder}", f"--output={folder}"]) == 0
    return folder / "1"


def test_train_makes_a_run(
    data_folder: Path, config_file: Path, tmp_path: Path, capsys: Capture
) -> None:
    flags = [f"--config={config_file}", f"--data={data_folder}"]
    flags += [f"--output={tmp_path / 'run'}", "--set=train.train_steps=3"]
    assert train.main([*flags, "--set=train.learning_rate=1e-3"]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert out.startswith("trained steps 0 to 3: ")
    assert out.endswith("step-00000003\n")
    assert "step 0: held-out loss " in err and "step 3: held-out loss " in err
    assert "learning_rate: 0.001\n" in (tmp_path / "run/config.yaml").read_text()


def test_evaluate_prints_and_writes_the_metrics(
    run_copy: Path, data_folder: Path, capsys: Capture
) -> None:
    flags = [f"--run={run_copy}", f"--data={data_folder}", "--samples=2"]
    assert evaluate.main(flags) == 0
    out, err = capsys.readouterr()
    assert err == ""
    metrics = json.loads((run_copy / "evaluation.json").read_text())
    assert metrics.pop("split") == "validation"
    assert set(metrics) == {
        *("loss", "masked_lm_loss", "masked_lm_accuracy", "disc_loss", "disc_auc"),
        *("sampled_masked_lm_accuracy", "disc_accuracy", "disc_precision"),
        *("disc_recall", "replaced_rate", "real_tokens", "step"),
        "most_frequent_token_accuracy",
    }
    assert metrics["step"] == 9
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list(metrics)
    assert f"masked_lm_loss{metrics['masked_lm_loss']:28.4f}" in out
    assert lines[-1].startswith(f"evaluated {metrics['real_tokens']:,.0f} tokens in ")
    samples = (run_copy / "samples.md").read_text("utf-8")
    assert samples.count("### Sample ") == 2
    assert "| original | masked | sampled | truth | discriminator says |" in samples


def test_evaluate_gives_the_same_numbers_twice(
    run_copy: Path, data_folder: Path
) -> None:
    flags = [f"--run={run_copy}", f"--data={data_folder}"]
    texts = []
    for _ in range(2):
        assert evaluate.main(flags) == 0
        texts.append((run_copy / "evaluation.json").read_text())
    assert texts[0] == texts[1]


def test_export_counts_versions_up(
    run_folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    flags = [f"--run={run_folder}", f"--output={tmp_path / 'models'}"]
    for version in ("1", "2"):
        assert export.main(flags) == 0
        out, err = capsys.readouterr()
        assert out.startswith(f"exported step 9 to {tmp_path / 'models' / version}: ")
        assert out.count("\n") == 1 and err == ""


def test_predict_prints_json(model: Path, capsys: Capture) -> None:
    assert predict.main([f"--model={model}", "--json", "가 나!", "a"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["tokens"] for row in rows] == [
        ["[CLS]", "가", "나", "!", "[SEP]"],
        ["[CLS]", "a", "[SEP]"],
    ]
    for row in rows:
        assert len(row["replaced_probability"]) == len(row["tokens"])
        assert all(0 <= value <= 1 for value in row["replaced_probability"])


def test_predict_shows_tokens_over_their_probabilities(
    model: Path, tmp_path: Path, capsys: Capture
) -> None:
    picture = tmp_path / "a.svg"
    assert predict.main([f"--model={model}", f"--svg={picture}", "가 나!"]) == 0
    tokens, numbers = capsys.readouterr().out.splitlines()
    assert tokens.split() == ["가", "나", "!"]
    assert numbers.count("%") == 3
    assert picture.read_text("utf-8").startswith("<svg ")
    assert "http" not in picture.read_text("utf-8").replace(
        "http://www.w3.org/2000/svg", ""
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches(name: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        COMMANDS[name].main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: python -m electra_keras.{name} ")
    assert f"  python -m electra_keras.{name} --" in out
    assert "--debug" in out


# They ask by themselves for what they lack: a vocabulary size, data or --tpu.
ASKING = ("budget", "doctor")


@pytest.mark.parametrize("name", COMMANDS)
def test_missing_and_unknown_options_are_told_in_one_line(
    name: str, capsys: Capture
) -> None:
    missing = [] if name in ASKING else [[]]
    for flags in (*missing, ["--no-such-option"]):
        with pytest.raises(SystemExit) as stop:
            COMMANDS[name].main(flags)
        assert stop.value.code == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ") and err.count("\n") == 1
        assert err.endswith(f"See python -m electra_keras.{name} --help\n")


def assert_refused(
    main: Main, flags: list[str], message: str, capsys: Capture, code: int = 2
) -> None:
    """Exit code, one line and no traceback; with --debug the error itself."""
    capsys.readouterr()
    assert main(flags) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    assert message in err
    assert "Traceback" not in err
    with pytest.raises(ElectraError) as error:
        main(["--debug", *flags])
    assert error.value.expected and error.value.fix


@pytest.fixture
def train_flags(data_folder: Path, config_file: Path, tmp_path: Path) -> list[str]:
    return [
        f"--config={config_file}",
        f"--data={data_folder}",
        f"--output={tmp_path / 'new'}",
    ]


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--data=none", "no data folder at none"),
        ("--config=none.yaml", "no configuration file at none.yaml"),
        ("--set=train.learning_rat=1", "the nearest is train.learning_rate"),
        ("--set=train.train_steps=x", "train.train_steps is 'x' (str); expected int"),
        ("--set=data.mask_rate=15", "data.mask_rate 15.0; expected a rate"),
        ("--set=train", "--set train; expected section.key=value"),
        ("--set=train.global_batch_size=400", "has 300 train examples; expected"),
        ("--set=data.sequence_length=32", "data.sequence_length 32; expected 16"),
        ("--set=model.max_sequence_length=8", "rows of 16 tokens with"),
    ],
)
def test_train_refuses(
    train_flags: list[str], tmp_path: Path, capsys: Capture, flag: str, message: str
) -> None:
    assert_refused(train.main, [*train_flags, flag], message, capsys)
    assert not (tmp_path / "new").exists()


def test_train_refuses_a_folder_that_holds_something(
    train_flags: list[str], tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/letter.txt").write_text("dear")
    assert_refused(train.main, train_flags, "new holds other files", capsys)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["letter.txt"]


def test_train_refuses_another_run(
    train_flags: list[str], run_folder: Path, capsys: Capture
) -> None:
    flags = [*train_flags, f"--output={run_folder}", "--set=train.seed=5"]
    assert_refused(train.main, flags, "train.seed was 1 and is now 5", capsys)


def damage(folder: Path, kind: str) -> None:
    if kind == "not completed":
        (folder / "COMPLETED").unlink()
    elif kind == "another vocabulary":
        with (folder / "vocab.txt").open("a") as file:
            file.write("zzz\n")
    elif kind == "vocabulary gone":
        (folder / "vocab.txt").unlink()
    else:
        (folder / "info.json").write_text("{")


@pytest.mark.parametrize(
    ("kind", "message", "code"),
    [
        ("not completed", "has no COMPLETED file", 2),
        ("another vocabulary", "the vocabulary that the data were made with", 1),
        ("vocabulary gone", "no vocabulary file at", 2),
        ("broken info", "info.json cannot be read", 1),
    ],
)
def test_damaged_data_are_refused_by_train_and_evaluate(
    make_data_folder: Any,
    run_copy: Path,
    tmp_path: Path,
    capsys: Capture,
    kind: str,
    message: str,
    code: int,
) -> None:
    data = make_data_folder(train=(16,))
    damage(data, kind)
    flags = [f"--data={data}", f"--output={tmp_path / 'new'}"]
    assert_refused(train.main, flags, message, capsys, code)
    assert not (tmp_path / "new").exists()
    flags = [f"--data={data}", f"--run={run_copy}"]
    assert_refused(evaluate.main, flags, message, capsys, code)


def test_evaluate_refuses_data_of_another_vocabulary_or_length(
    make_data_folder: Any, run_copy: Path, capsys: Capture
) -> None:
    entries = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(35)))
    data = make_data_folder(train=(9,), validation=(9,), entries=entries)
    flags = [f"--data={data}", f"--run={run_copy}"]
    assert_refused(evaluate.main, flags, "data was made with vocabulary", capsys)
    data = make_data_folder("long", train=(9,), validation=(9,), sequence_length=32)
    flags = [f"--data={data}", f"--run={run_copy}"]
    assert_refused(evaluate.main, flags, "sequence_length 16; expected 32", capsys)
    data = make_data_folder("none", train=(9,), validation=())
    flags = [f"--data={data}", f"--run={run_copy}"]
    assert_refused(evaluate.main, flags, "has 0 validation examples", capsys)
    assert not (run_copy / "evaluation.json").exists()


def test_folder_that_is_no_run_is_refused(
    data_folder: Path, run_copy: Path, tmp_path: Path, capsys: Capture
) -> None:
    none = f"--run={tmp_path / 'none'}"
    flags = [none, f"--data={data_folder}"]
    assert_refused(evaluate.main, flags, "no run in", capsys)
    flags = [none, f"--output={tmp_path / 'models'}"]
    assert_refused(export.main, flags, "no run in", capsys)
    shutil.rmtree(run_copy / "checkpoints")
    flags = [f"--run={run_copy}", f"--output={tmp_path / 'models'}"]
    assert_refused(export.main, flags, "has no whole checkpoint", capsys)
    assert not (tmp_path / "models").exists()


def test_export_refuses_a_file(
    run_folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "models").write_text("")
    flags = [f"--run={run_folder}", f"--output={tmp_path / 'models'}"]
    assert_refused(export.main, flags, "models is a file", capsys)


def test_predict_refuses_a_folder_without_a_model(
    model: Path, tmp_path: Path, capsys: Capture
) -> None:
    for folder in (tmp_path, tmp_path / "none", model.parent):
        flags = [f"--model={folder}", "a"]
        assert_refused(predict.main, flags, "no SavedModel in", capsys)


def test_full_disk_is_told_in_one_line(
    run_folder: Path,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device", "some/file")

    monkeypatch.setattr("electra_keras.serving.export._write_version", fail)
    flags = [f"--run={run_folder}", f"--output={tmp_path / 'models'}"]
    assert export.main(flags) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: the disk is full at some/file; expected room")
    assert err.count("\n") == 1
    assert list((tmp_path / "models").iterdir()) == []
    with pytest.raises(OSError, match="No space left"):
        export.main(["--debug", *flags])


def test_unforeseen_error_and_interruption_have_exit_codes(
    model: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(error: BaseException) -> Callable[..., None]:
        def raise_it(*arguments: object) -> None:
            raise error

        return raise_it

    name = "electra_keras.serving.prediction.predict"
    monkeypatch.setattr(name, fail(RuntimeError("two\nlines")))
    assert predict.main([f"--model={model}", "a"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: RuntimeError: two lines; expected this step to")
    assert err.count("\n") == 1
    monkeypatch.setattr(name, fail(KeyboardInterrupt()))
    assert predict.main([f"--model={model}", "a"]) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"
