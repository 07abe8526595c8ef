"""A small chatbot from your own pre-trained model and a file of pairs.

See docs/chatbot.md; the work is done in electra_keras/finetuning/retrieval.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence

from electra_keras.command_line import add_checkpoint_flag, make_parser, run_command
from electra_keras.errors import UsageError

_PROGRAM = "python examples/love_chatbot.py"
_DESCRIPTION = f"""\
A chatbot that finds an answer: it tells the mood of what is said, looks for the
nearest question that it knows and gives what that one was answered. The pairs are
a csv file with a header, such as Q,A,label of love_chat.csv
(github.com/songys/Chatbot_data): a question, its answer, the mood.

  {_PROGRAM} train --pairs=love_chat.csv \\
      --init_from=runs/reviews --output=runs/chatbot
  {_PROGRAM} evaluate --model=runs/chatbot
  {_PROGRAM} chat --model=runs/chatbot

--init_from is a run of electra_keras.train (`make quickstart` leaves one in
runs/quickstart/run), an export, a Hugging Face folder or a TF1 checkpoint.
`train` draws questions with one answer together, and questions and their answers
(in-batch contrastive tuning): vectors of a merely pre-trained ELECTRA are weak for
retrieval. Called again with the same options it goes on where it stopped. `evaluate`
asks held-out questions, beside TF-IDF and BM25.
"""
_MOODS = "0=daily life,1=break-up,2=love"


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and runs one of the three; returns the exit code."""
    parser = make_parser("examples.love_chatbot", _DESCRIPTION)
    parser.prog = _PROGRAM
    commands = parser.add_subparsers(required=True, metavar="train|evaluate|chat")
    _add_train(commands)
    _add_evaluate(commands)
    _add_chat(commands)
    return run_command(parser, lambda options: options.run(options), argv)


def _add_train(commands: argparse._SubParsersAction) -> None:
    help_text = "tune a pre-trained model for retrieval"
    train = commands.add_parser("train", help=help_text, description=help_text)
    train.set_defaults(run=_train)
    train.add_argument(
        "--pairs", required=True, help="tsv, csv or jsonl file; .gz is read too"
    )
    train.add_argument("--init_from", required=True, help="a pre-trained model")
    add_checkpoint_flag(train)
    train.add_argument("--output", required=True, help="folder to make or resume")
    columns = (("question", "Q"), ("answer", "A"), ("label", "label"))
    for name, column in columns:
        train.add_argument(
            f"--{name}", default=column, help=f"column of the {name}; default: {column}"
        )
    train.add_argument("--epochs", type=float, help="passes over all pairs")
    train.add_argument("--batch_size", type=int, help="texts a step, two a pair")
    train.add_argument("--learning_rate", type=float, help="its peak")
    train.add_argument("--temperature", type=float, help="what cosines are divided by")
    train.add_argument("--seed", type=int, default=1, help="of the first trial")
    train.add_argument(
        "--trials", type=int, default=1, help="seeds; evaluate gives their median"
    )


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    help_text = "recall@1, recall@10 and MRR on held-out questions, beside baselines"
    evaluate = commands.add_parser("evaluate", help=help_text, description=help_text)
    evaluate.set_defaults(run=_evaluate)
    evaluate.add_argument("--model", required=True, help="what train has made")
    add_checkpoint_flag(evaluate)
    evaluate.add_argument(
        "--split",
        choices=("test", "validation"),
        default="test",
        help="validation while you choose settings, test once at the end",
    )


def _add_chat(commands: argparse._SubParsersAction) -> None:
    help_text = "talk to it; an empty line ends"
    chat = commands.add_parser("chat", help=help_text, description=help_text)
    chat.set_defaults(run=_chat)
    chat.add_argument("--model", required=True, help="what train has made")
    chat.add_argument("--say", metavar="TEXT", help="answer this alone")
    chat.add_argument("--answers", type=int, default=3, help="how many are shown")
    chat.add_argument(
        "--mood_model",
        help="a folder of electra_keras.finetune that classifies the mood, such as one "
        "of configs/tasks/love_chat.yaml; without it the mood is learned from vectors",
    )
    chat.add_argument(
        "--moods",
        default=_MOODS,
        help=f"names of labels; others are shown as they are; default: {_MOODS}",
    )


def _train(options: argparse.Namespace) -> None:
    from electra_keras.finetuning.retrieval.chatbot_folder import tune_chatbot
    from electra_keras.finetuning.retrieval.retrieval_config import RetrievalConfig
    from electra_keras.finetuning.task_config import ColumnsConfig

    default = RetrievalConfig()
    names = ("epochs", "batch_size", "learning_rate", "seed", "trials")
    given = {name: getattr(options, name) for name in names}
    given = {name: value for name, value in given.items() if value is not None}
    config = RetrievalConfig(
        columns=ColumnsConfig(
            text=options.question, text_pair=options.answer, label=options.label
        ),
        training=dataclasses.replace(default.training, **given),
        temperature=(
            default.temperature if options.temperature is None else options.temperature
        ),
    )
    results = tune_chatbot(
        *(options.pairs, options.init_from, options.output, config),
        checkpoint=options.checkpoint,
    )
    for result in results:
        print(
            f"seed {result.seed}: validation MRR by questions {result.score:.3f} "
            f"at step {result.step:,}"
        )
    print(f"next: {_PROGRAM} evaluate --model={options.output}")


def _evaluate(options: argparse.Namespace) -> None:
    from electra_keras.finetuning.retrieval.chatbot_folder import ChatbotFolder
    from electra_keras.finetuning.retrieval.retrieval_comparison import compare

    folder = ChatbotFolder.read(options.model)
    print(compare(folder, options.split, checkpoint=options.checkpoint).to_text())


def _chat(options: argparse.Namespace) -> None:
    from electra_keras.finetuning.retrieval.chatbot import Chatbot

    names = _read_moods(options.moods)
    chatbot = Chatbot(options.model, options.mood_model)
    if options.say is not None:
        _show(chatbot.reply(options.say, options.answers), names)
        return
    while said := _ask():
        _show(chatbot.reply(said, options.answers), names)


def _ask() -> str:
    """Asks for a line; the end of the input is as an empty one."""
    try:
        return input("> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        return ""


def _show(reply, names: dict[str, str]) -> None:
    print(f"mood: {names.get(reply.mood, reply.mood)} ({reply.probability:.0%})")
    for answer in reply.answers:
        print(f"{answer.similarity:6.2f}  {answer.text}  [{answer.question}]")


def _read_moods(text: str) -> dict[str, str]:
    """Reads "0=daily life,1=break-up"."""
    entries = [entry.partition("=") for entry in text.split(",") if entry.strip()]
    if not all(name.strip() and equals for name, equals, _ in entries):
        raise UsageError(
            f"--moods {text!r}",
            expected="label=name, with commas between",
            fix=f'Write --moods="{_MOODS}".',
        )
    return {label.strip(): name.strip() for label, _, name in entries}


if __name__ == "__main__":
    raise SystemExit(main())
