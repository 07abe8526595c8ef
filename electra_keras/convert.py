"""`python -m electra_keras.convert`: a model in, the same in another format out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from electra_keras.command_line import add_checkpoint_flag, make_parser, run_command

_DESCRIPTION = """\
Writes a model in the format of other programs, weights bit by bit:

  python -m electra_keras.convert --run=runs/reviews --to=huggingface \\
      --output=models/reviews_hf

makes the folders discriminator and generator, which Transformers loads:

  AutoModel.from_pretrained("models/reviews_hf/discriminator")

--to=keras_hub makes such folders for keras_hub's ElectraBackbone.from_preset,
--to=tf1 a checkpoint with the names of google-research/electra. Other models are
converted alike; --source takes any of these and tells them apart:
  a run folder of electra_keras.train
  a version of electra_keras.export, such as models/reviews/1
  a folder with config.json and model.safetensors, or one that holds the
    folders discriminator and generator
  a TF1 checkpoint: model.ckpt for model.ckpt.index, with vocab.txt beside it

Every export has a README.md, the model card; --license names its licence.

Next: python -m electra_keras.train --init_from=SOURCE trains any of them on.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and converts; returns the exit code."""
    parser = make_parser("electra_keras.convert", _DESCRIPTION)
    sources = parser.add_mutually_exclusive_group(required=True)
    sources.add_argument("--run", help="run folder of electra_keras.train")
    sources.add_argument("--source", help="a model in any known format")
    add_checkpoint_flag(parser)
    parser.add_argument(
        "--to", required=True, choices=("huggingface", "keras_hub", "tf1")
    )
    parser.add_argument("--output", required=True, help="new folder")
    parser.add_argument(
        "--license",
        help='of the weights, for the model card, such as "apache-2.0"',
    )
    parser.add_argument(
        "--num_heads",
        type=int,
        help="attention heads of a TF1 discriminator; hidden / 64 without it",
    )
    parser.add_argument(
        "--generator_num_heads",
        type=int,
        help="attention heads of a TF1 generator; hidden / 64 without it",
    )
    parser.add_argument(
        "--lower_case",
        action="store_true",
        help="the tokenizer lower-cases and strips accents, where the source "
        "does not say so",
    )
    return run_command(parser, _convert, argv)


def _convert(options: argparse.Namespace) -> None:
    from electra_keras.interchange.conversion import convert
    from electra_keras.interchange.model_card import UNKNOWN_LICENSE
    from electra_keras.interchange.sources import open_pretrained

    num_heads = {
        "discriminator": options.num_heads,
        "generator": options.generator_num_heads,
    }
    source = open_pretrained(
        options.run or options.source,
        num_heads={k: v for k, v in num_heads.items() if v is not None},
        lower_case=options.lower_case,
        checkpoint=options.checkpoint,
    )
    for note in source.notes:
        print(f"note: {note}")
    license = options.license or UNKNOWN_LICENSE
    folder = convert(source, options.to, options.output, license=license)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(
        f"converted {source.path} to {folder}: {' and '.join(source.networks)}, "
        f"{size / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    raise SystemExit(main())
