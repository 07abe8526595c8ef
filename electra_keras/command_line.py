"""What every command shares: `--debug`, exit codes, quiet start of TensorFlow.

A command is a function `main(options)`; `run_command` parses, calls it and
turns what goes wrong into one line: exit code 2 for usage, 1 for failure.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from electra_keras.errors import ElectraError, UsageError, find_causes

ParseFn = Callable[[argparse.ArgumentParser, Sequence[str] | None], argparse.Namespace]


class _OneLineParser(argparse.ArgumentParser):
    """A parser that tells a usage error in one line and exits with 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}. See {self.prog} --help\n")


# What a wrong path gives, against what a failing disk gives.
_WRONG_PATH = (
    errno.EACCES,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOENT,
    errno.ENOTDIR,
)


def make_parser(module: str, description: str) -> argparse.ArgumentParser:
    """Makes the parser of `python -m MODULE`, with the options all share."""
    parser = _OneLineParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    return parser


def add_config_flags(parser: argparse.ArgumentParser, example: str) -> None:
    """Adds --config and --set, for the commands that take a configuration.

    Args:
        parser: From `make_parser`.
        example: Of a setting, such as "train.seed=2".
    """
    parser.add_argument(
        "--config", help="YAML file of configs/; without it the defaults: Small"
    )
    add_settings_flag(parser, example)


def add_settings_flag(parser: argparse.ArgumentParser, example: str) -> None:
    """Adds --set, which wins over the file of settings.

    Args:
        parser: From `make_parser`.
        example: Of a setting, such as "train.seed=2".
    """
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help=f"override a setting, such as {example}; repeatable",
    )


def add_checkpoint_flag(parser: argparse.ArgumentParser) -> None:
    """Adds --checkpoint, for the commands that read a run."""
    parser.add_argument(
        "--checkpoint",
        default="latest",
        metavar="latest|best|STEP",
        help="which weights of the run: the newest, those with the best held-out "
        "metric (RUN/checkpoints/best.json names it), or those of a step that is "
        "still kept; default: latest",
    )


def run_command(
    parser: argparse.ArgumentParser,
    main: Callable[[argparse.Namespace], None],
    argv: Sequence[str] | None = None,
    *,
    parse: ParseFn = argparse.ArgumentParser.parse_args,
    needs_tensorflow: bool = True,
) -> int:
    """Runs `main` on the parsed options and returns the exit code.

    Args:
        parser: A parser from `make_parser`.
        main: Does the work; raises `ElectraError` for what a user can mend.
        argv: Arguments without the program name; None reads `sys.argv`.
        parse: Turns parser and arguments into options; the Beam commands
            pass their own, which keeps the flags of Beam's runners.
        needs_tensorflow: Import it first; the Beam commands plan and submit
            without it.

    Returns:
        0, or the `exit_code` of the error (1 failure, 2 usage), or 130 when
        interrupted.
    """
    options = parse(parser, argv)
    try:
        if needs_tensorflow:
            import_tensorflow_quietly()
        main(options)
        sys.stdout.flush()
    except BrokenPipeError:  # The reader, such as `head`, has seen enough.
        # Python would flush once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except Exception as error:  # The command's last line of defence.
        if options.debug:
            raise
        explained = explain(error)
        print(f"error: {' '.join(str(explained).split())}", file=sys.stderr)
        return explained.exit_code
    return 0


def explain(error: Exception) -> ElectraError:
    """Turns any exception into one that says what to do."""
    for cause in find_causes(error):
        if isinstance(cause, ElectraError):
            return cause
        if isinstance(cause, OSError) and cause.errno is not None:
            return _explain_os_error(cause)
    if "No space left on device" in str(error):
        return _explain_os_error(OSError(errno.ENOSPC, str(error)))
    return ElectraError(
        f"{type(error).__name__}: {error}",
        expected="this step to finish",
        fix="Run it again with --debug for the traceback.",
    )


def _explain_os_error(error: OSError) -> ElectraError:
    where = f" at {error.filename}" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return ElectraError(
            f"the disk is full{where}",
            expected="room for the output",
            fix="Free some space or choose another output folder; "
            "nothing half-written was kept.",
        )
    kind = UsageError if error.errno in _WRONG_PATH else ElectraError
    return kind(
        f"{error.strerror or error}{where}",
        expected="a path that can be read or written",
        fix="Check the path and its permissions.",
    )


def import_tensorflow_quietly() -> None:
    """Imports TensorFlow without its start-up chatter about CPUs and CUDA.

    The chatter goes straight to file descriptor 2, before any log level
    applies, so the descriptor itself is set aside for the import.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger().setLevel(logging.ERROR)
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        tensorflow = importlib.import_module("tensorflow")
        # The search for CUDA complains too, where there is none.
        tensorflow.config.list_physical_devices()
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
