"""The main job end to end: raw text in, a served model out.

`make quickstart` runs this; each stage is one command, which is printed, so
that you can run it yourself. A stage whose output is already there is passed
over, and an interrupted training goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent))
from quickstart_corpus import write_corpus

from beam_pipelines.config import InputConfig
from beam_pipelines.sources import find_files
from electra_keras.errors import UsageError

PROJECT = Path(__file__).parent.parent
CONFIG = PROJECT / "configs" / "electra_tiny.yaml"
# The same sentence twice: as it should be, and with one word swapped.
SENTENCES = (
    "If the name is not found, an exception is raised.",
    "If the name is not door, an exception is raised.",
    "오늘 점심 뭐 먹을까?",
    "오늘 점심 문을 먹을까?",
)


@dataclasses.dataclass(frozen=True)
class Stage:
    """One command and what it leaves behind.

    Attributes:
        title: Shown above it.
        arguments: Of `python -m`.
        done: Exists once the stage has finished; None: always run.
    """

    title: str
    arguments: list[str]
    done: Path | None


def plan_stages(options: argparse.Namespace, pattern: str, work: Path) -> list[Stage]:
    """Lists the stages from text to prediction."""
    vocabulary, data = work / "vocab.txt", work / "data"
    run, models = work / "run", work / "model"
    size = options.vocabulary_size or choose_vocabulary_size(pattern)
    return [
        Stage(
            "Vocabulary",
            [
                "beam_pipelines.build_vocabulary",
                f"--input={pattern}",
                f"--output={vocabulary}",
                f"--vocabulary_size={size}",
            ],
            vocabulary,
        ),
        Stage(
            "Preprocessing",
            [
                "beam_pipelines.preprocess",
                f"--input={pattern}",
                f"--vocabulary={vocabulary}",
                f"--output={data}",
                f"--sequence_length={options.sequence_length}",
                f"--validation_rate={options.validation_rate}",
                "--seed=1",
                "--resume",
            ],
            data / "COMPLETED",
        ),
        Stage(
            "Training",
            [
                "electra_keras.train",
                f"--config={options.config}",
                f"--data={data}",
                f"--output={run}",
                *(f"--set={setting}" for setting in options.set),
            ],
            None,
        ),
        Stage(
            "Evaluation",
            [
                "electra_keras.evaluate",
                f"--run={run}",
                f"--data={data}",
                "--samples=10",
            ],
            None,
        ),
        Stage(
            "Export",
            ["electra_keras.export", f"--run={run}", f"--output={models}"],
            models / "1",
        ),
        Stage(
            "Prediction: which word does not belong?",
            [
                "electra_keras.predict",
                f"--model={models / '1'}",
                f"--svg={work / 'prediction.svg'}",
                *(options.sentence or SENTENCES),
            ],
            None,
        ),
    ]


def choose_vocabulary_size(pattern: str) -> int:
    """Chooses word pieces by the size of the text: 2,000 to 8,000."""
    text_bytes = sum(file.text_bytes for file in find_files([InputConfig(pattern)]))
    return min(8000, max(2000, text_bytes // 150_000 * 1000))


def run_stage(number: int, stage: Stage, console: Console) -> None:
    """Shows and runs one command; ends the program where it fails."""
    console.rule(f"[bold]{number}. {stage.title}", align="left")
    if stage.done is not None and stage.done.exists():
        console.print(f"already there: {stage.done}", highlight=False)
        return
    command = shlex.join(["python", "-m", *stage.arguments])
    console.print(command, style="dim", highlight=False, soft_wrap=True)
    started = time.monotonic()
    code = subprocess.call([sys.executable, "-m", *stage.arguments])
    if code:
        raise SystemExit(code)
    console.print(f"{time.monotonic() - started:.0f} s", style="dim")


def remember_input(work: Path, text: str) -> None:
    """Keeps one work folder to one corpus."""
    known = work / "input.txt"
    if not (work / "vocab.txt").exists():  # Nothing was made from it yet.
        known.unlink(missing_ok=True)
    if known.is_file() and known.read_text("utf-8") != text:
        print(
            f"error: {work} was made from {known.read_text('utf-8')!r}; expected "
            f"another folder for {text!r}. Run make quickstart WORK=runs/other.",
            file=sys.stderr,
        )
        raise SystemExit(2)
    work.mkdir(parents=True, exist_ok=True)
    known.write_text(text, encoding="utf-8")


def main() -> None:
    """Parses, runs the stages, says what to do next."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--input", default="", help="glob of text files of yours")
    parser.add_argument("--work", default="runs/quickstart", help="output folder")
    parser.add_argument("--config", default=os.path.relpath(CONFIG), help="YAML file")
    parser.add_argument("--vocabulary_size", type=int, help="word pieces")
    parser.add_argument("--sequence_length", type=int, default=64, help="tokens")
    parser.add_argument(
        "--validation_rate", type=float, default=0.05, help="held-out documents"
    )
    parser.add_argument("--sentence", action="append", help="to judge at the end")
    parser.add_argument(
        "--set", action="append", default=[], help="setting of the training"
    )
    options = parser.parse_args()
    work = Path(os.path.relpath(options.work))
    remember_input(work, options.input or "the default corpus")
    pattern = options.input or write_corpus(work / "corpus")
    console = Console()
    started = time.monotonic()
    try:
        stages = plan_stages(options, pattern, work)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    for number, stage in enumerate(stages, 1):
        run_stage(number, stage, console)
    minutes = (time.monotonic() - started) / 60
    console.rule(f"[bold]Done in {minutes:.1f} minutes", align="left")
    console.print(
        f"Curves:      {work}/run/curves.png, or\n"
        f"             .venv/bin/tensorboard --logdir={work}/run/logs\n"
        f"Samples:     {work}/run/samples.md\n"
        f"Ask it:      .venv/bin/python -m electra_keras.predict "
        f"--model={work}/model/1 'Your own sentence'\n"
        f"Serve it:    docker run --rm -p 127.0.0.1:8501:8501 "
        f"-v '{work.resolve()}/model:/models/electra:ro' -e MODEL_NAME=electra "
        f"tensorflow/serving\n"
        f"Your text:   make quickstart INPUT='path/*.txt' WORK=runs/mine",
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
