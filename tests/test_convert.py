"""python -m pytest tests/test_convert.py"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from electra_keras import convert
from electra_keras.interchange.sources import open_pretrained

Capture = pytest.CaptureFixture[str]
DATA = Path(__file__).parent / "data"
GOLDEN = DATA / "hf_electra_tiny"
REFERENCE = DATA / "google_electra_tiny"


def test_a_run_is_converted(run_folder: Path, tmp_path: Path, capsys: Capture) -> None:
    output = tmp_path / "hf"
    flags = [f"--run={run_folder}", "--to=huggingface", f"--output={output}"]
    assert convert.main([*flags, "--license=mit"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.count("\n") == 1
    assert out.startswith(f"converted {run_folder} to {output}: ")
    assert set(open_pretrained(output).networks) == {"discriminator", "generator"}
    assert "Licence: mit\n" in (output / "generator" / "README.md").read_text()


@pytest.mark.parametrize("source", [GOLDEN, REFERENCE, REFERENCE / "model.ckpt"])
@pytest.mark.parametrize("target", ["huggingface", "tf1"])
def test_any_source_is_converted(source: Path, target: str, tmp_path: Path) -> None:
    output = tmp_path / "converted"
    flags = [f"--source={source}", f"--to={target}", f"--output={output}"]
    assert convert.main(flags) == 0
    assert open_pretrained(output).kind == target


def test_a_run_becomes_presets_of_keras_hub(
    run_folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    flags = [f"--run={run_folder}", "--to=keras_hub", f"--output={tmp_path / 'hub'}"]
    assert convert.main([*flags, "--license=mit"]) == 0
    assert capsys.readouterr().out.startswith(f"converted {run_folder} to ")
    for network in ("discriminator", "generator"):
        folder = tmp_path / "hub" / network
        assert (folder / "model.weights.h5").is_file()
        assert "Licence: mit\n" in (folder / "README.md").read_text()
    before = sorted((tmp_path / "hub").rglob("*"))
    assert convert.main(flags) == 2
    assert "holds files" in capsys.readouterr().err
    assert sorted((tmp_path / "hub").rglob("*")) == before


def test_what_is_taken_for_granted_is_said(tmp_path: Path, capsys: Capture) -> None:
    source = Path(shutil.copytree(REFERENCE, tmp_path / "model"))
    (source / "config.json").unlink()
    flags = [f"--source={source}", "--to=huggingface"]
    assert convert.main([*flags, f"--output={tmp_path / 'a'}"]) == 0
    assert capsys.readouterr().out.startswith(
        "note: attention heads of the discriminator: 1, hidden / 64\n"
    )
    heads = ["--num_heads=4", "--generator_num_heads=2", "--lower_case"]
    assert convert.main([*flags, *heads, f"--output={tmp_path / 'b'}"]) == 0
    assert capsys.readouterr().out.startswith("converted ")
    written = open_pretrained(tmp_path / "b")
    assert (written.model.num_heads, written.model.generator_num_heads) == (4, 2)
    assert written.tokenizer.lower_case


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "one of the arguments --run --source is required"),
        (["--run=a", "--source=b"], "not allowed with argument"),
        (["--run=a", "--to=onnx"], "invalid choice: 'onnx'"),
    ],
)
def test_wrong_options_are_told_in_one_line(
    flags: list[str], message: str, capsys: Capture
) -> None:
    given = ["--output=x", *flags]
    if not any(flag.startswith("--to") for flag in flags):
        given.append("--to=tf1")
    with pytest.raises(SystemExit) as stop:
        convert.main(given)
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--source=nowhere"], "no model at nowhere; expected a run folder"),
        (["--run=nowhere"], "no model at nowhere; expected a run folder"),
        ([f"--source={GOLDEN}", "--num_heads=2"], "Remove --num_heads"),
        (
            [f"--source={REFERENCE}", "--num_heads=0"],
            "model.hidden_dim 32 with 0 heads",
        ),
        ([f"--source={REFERENCE}", "--num_heads=5"], "32 with 5 heads"),
    ],
)
def test_wrong_values_are_told_in_one_line(
    flags: list[str], message: str, tmp_path: Path, capsys: Capture
) -> None:
    output = tmp_path / "output"
    assert convert.main([*flags, "--to=tf1", f"--output={output}"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_help_teaches(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        convert.main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: python -m electra_keras.convert ")
    assert (
        "  python -m electra_keras.convert --run=runs/reviews --to=huggingface" in out
    )
    assert "--debug" in out
