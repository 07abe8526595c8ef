"""python -m pytest tests/test_love_chatbot.py"""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from pathlib import Path

import pytest
from retrieval_fixtures import write_pairs

EXAMPLE = Path(__file__).parents[1] / "examples" / "love_chatbot.py"


@pytest.fixture(scope="module")
def main():
    spec = importlib.util.spec_from_file_location("love_chatbot", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_from_pairs_to_an_answer(
    main, run_folder: Path, tmp_path: Path, capsys
) -> None:
    pairs = tmp_path / "mine.csv"
    text = write_pairs(pairs).read_text("utf-8")
    pairs.write_text(text.replace("Q,A,label", "say,reply,mood"), "utf-8")
    columns = ["--question=say", "--answer=reply", "--label=mood"]
    settings = ["--epochs=1", "--batch_size=32", "--learning_rate=3e-3"]
    bot = tmp_path / "bot"
    code = main(
        [
            *("train", f"--pairs={pairs}", f"--init_from={run_folder}"),
            *(f"--output={bot}", *columns, *settings),
        ]
    )
    output = capsys.readouterr().out
    assert code == 0
    assert "160 questions" in output and "seed 1: validation MRR by questions" in output
    assert main(["evaluate", f"--model={bot}"]) == 0
    assert "| TF-IDF, questions |" in capsys.readouterr().out
    assert main(["chat", f"--model={bot}", "--say=a i 가", "--moods=0=daily"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("mood: ") and lines[0].endswith("%)")
    assert lines[1] == "  1.00  가 가  [a i 가]"


def test_a_talk_ends_with_an_empty_line(
    main, chatbot_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a i 가\nb j 나\n\nc k 다\n"))
    assert main(["chat", f"--model={chatbot_folder}", "--answers=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all("mood: " in line for line in lines[::2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chat", "--model=gone"], "error: no chatbot.json in gone"),
        (["chat", "--model=gone", "--moods=daily"], "error: --moods 'daily'"),
        (["train", "--pairs=x", "--init_from=gone", "--output=y"], "error: no model"),
    ],
)
def test_errors_are_one_line(main, arguments, message, capsys) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(message) and error.count("\n") == 1


def test_help_teaches_without_tensorflow() -> None:
    for arguments, word in (
        (["--help"], "--init_from=runs/reviews"),
        (["train", "--help"], "--temperature"),
    ):
        run = subprocess.run(
            [sys.executable, "-X", "importtime", str(EXAMPLE), *arguments],
            capture_output=True,
            text=True,
            check=True,
            cwd=EXAMPLE.parents[1],
            env={"PYTHONPATH": str(EXAMPLE.parents[1])},
        )
        assert word in run.stdout
        assert "tensorflow" not in run.stderr
