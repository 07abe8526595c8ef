"""`python -m electra_keras.demo`: a local page that shows what the model sees."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from electra_keras.command_line import make_parser, run_command

_DESCRIPTION = """\
Opens a page on this machine, on which you type and see what the model sees:

  python -m electra_keras.demo --model=models/reviews/1
  python -m electra_keras.demo --model=models/reviews/1 --compare=models/reviews/2

Every word piece is shaded by the probability that it was replaced. Where the
model was exported with --with_generator, a button lets the generator replace
words and counts which of them the discriminator notices. With --compare two
models judge the same text side by side.

The page works offline and answers this machine alone. Ctrl-C ends it.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and serves until interrupted; returns the exit code."""
    parser = make_parser("electra_keras.demo", _DESCRIPTION)
    parser.add_argument("--model", required=True, help="version folder of an export")
    parser.add_argument("--compare", help="another one, shown beside it")
    parser.add_argument(
        "--host", default="127.0.0.1", help="loopback address; default: 127.0.0.1"
    )
    parser.add_argument(
        "--port", type=int, default=8600, help="0 takes any free one; default: 8600"
    )
    return run_command(parser, _demo, argv)


def _demo(options: argparse.Namespace) -> None:
    from electra_keras.serving.demo.answers import ShownModel
    from electra_keras.serving.demo.door import check_host
    from electra_keras.serving.demo.server import DemoApplication, open_server

    check_host(options.host)  # Before the models, which take seconds.
    folders = [options.model, *([options.compare] if options.compare else [])]
    app = DemoApplication([ShownModel.load(folder) for folder in folders])
    server = open_server(app, options.host, options.port)
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(f"open http://{host}:{server.port}/ in a browser; Ctrl-C ends", flush=True)
    server.serve_forever()  # Returns upon Ctrl-C.
    print("\nended")


if __name__ == "__main__":
    raise SystemExit(main())
