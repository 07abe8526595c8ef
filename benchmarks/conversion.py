r"""What converting a model takes: time, and peak memory against its weights.

    python benchmarks/conversion.py --config=configs/koelectra_base_v3.yaml \
        --vocabulary_size=35000

Makes a run of that size with random weights, and a tiny one, and converts both
into every format and on. The tiny one's peak is taken off, so that what is left
is what grows with the model; the weights are the distinct ones, shared once.
Medians of three.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from process_tree import Cost, run_command
from rich.console import Console
from rich.table import Table

_TINY = {
    **{"model.hidden_dim": 16, "model.embedding_dim": 16, "model.num_heads": 1},
    **{"model.intermediate_dim": 64, "model.num_layers": 1},
    **{"model.max_sequence_length": 16, "model.generator_num_heads": 1},
}
_TINY_VOCABULARY = 100
# A process that starts another one is, for a moment, counted twice.
_REPEATS = 3
# Source and target; a source beside the run is what an earlier line made.
_STEPS = (
    ("run", "huggingface"),
    ("run", "keras_hub"),
    ("run", "tf1"),
    ("huggingface", "tf1"),
    ("tf1", "huggingface"),
)


def make_run(folder: Path, config: str, settings: list[str], size: int) -> None:
    """Writes a run folder with initial weights, in a process of its own."""
    command = [sys.executable, __file__, f"--config={config}", f"--make={folder}"]
    command += [f"--vocabulary_size={size}"]
    command += [f"--set={setting}" for setting in settings]
    run_command(command)


def write_run(options: argparse.Namespace) -> None:
    """Builds networks and writes them as a run that is at step 1."""
    import dataclasses

    from electra_keras.config_files import load_config
    from electra_keras.data.info import DatasetInfo
    from electra_keras.data.vocabulary import (
        SPECIAL_TOKENS,
        TokenizerConfig,
        Vocabulary,
    )
    from electra_keras.training.checkpoints import CheckpointFolder, network_variables
    from electra_keras.training.run import CHECKPOINTS_FOLDER, build_objective
    from electra_keras.training.run_folder import open_run_folder

    pieces = range(options.vocabulary_size - len(SPECIAL_TOKENS))
    vocabulary = Vocabulary((*SPECIAL_TOKENS, *(f"piece{n}" for n in pieces)))
    config = load_config(options.config, options.set)
    length = config.model.max_sequence_length
    info = DatasetInfo(
        sequence_length=length,
        vocabulary_size=len(vocabulary),
        vocabulary_sha256=vocabulary.sha256,
        special_token_ids=vocabulary.special_token_ids,
        tokenizer=TokenizerConfig(),
        token_ids_dtype="uint16",
        compression="",
        splits={},
    )
    config = dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, vocabulary_size=len(vocabulary)),
        data=dataclasses.replace(config.data, sequence_length=length),
    )
    folder = Path(options.make)
    open_run_folder(folder, config, info, vocabulary)
    CheckpointFolder(folder / CHECKPOINTS_FOLDER).save(
        network_variables(build_objective(config, vocabulary).networks),
        step=1,
        config_fingerprint=config.fingerprint,
        data_fingerprint=info.fingerprint,
    )


def convert(folder: Path) -> dict[tuple[str, str], Cost]:
    """Runs every conversion of the run in a folder a few times; medians."""
    costs = {}
    for source, target in _STEPS:
        output = folder / f"{source}-{target}"
        at = folder / "run" if source == "run" else folder / f"run-{source}"
        command = [sys.executable, "-m", "electra_keras.convert", f"--source={at}"]
        command += [f"--to={target}", f"--output={output}"]
        seen = []
        for _ in range(_REPEATS):
            shutil.rmtree(output, ignore_errors=True)
            seen.append(run_command(command))
        costs[source, target] = Cost(*map(statistics.median, zip(*seen, strict=True)))
    return costs


def weights_bytes(folder: Path) -> int:
    """Bytes of the run's checkpoint, in which shared weights are once."""
    return sum(path.stat().st_size for path in folder.glob("run/checkpoints/*/*.data*"))


def compare(options: argparse.Namespace, folder: Path) -> Table:
    """Measures a tiny run and the given one."""
    for name in ("tiny", "large"):
        (folder / name).mkdir()
    tiny_settings = [*options.set, *(f"{key}={value}" for key, value in _TINY.items())]
    make_run(folder / "tiny/run", options.config, tiny_settings, _TINY_VOCABULARY)
    make_run(folder / "large/run", options.config, options.set, options.vocabulary_size)
    tiny, large = convert(folder / "tiny"), convert(folder / "large")
    size = weights_bytes(folder / "large")
    table = Table(
        *("conversion", "time, s", "start, s", "peak beyond a tiny model's, MB"),
        "of the weights",
        title=f"{size / 1e6:.0f} MB of weights",
    )
    for step, cost in large.items():
        peak = cost.peak_bytes - tiny[step].peak_bytes
        table.add_row(
            " to ".join(step),
            f"{cost.wall_secs:.1f}",
            f"{tiny[step].wall_secs:.1f}",
            f"{peak / 1e6:.0f}",
            f"{peak / size:.2f}",
        )
    return table


def main() -> None:
    """Parses, measures, prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="configs/koelectra_base_v3.yaml")
    parser.add_argument("--vocabulary_size", type=int, default=35_000, help="entries")
    parser.add_argument("--set", action="append", default=[], help="section.key=value")
    parser.add_argument("--make", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        write_run(options)
        return
    with tempfile.TemporaryDirectory() as name:
        Console().print(compare(options, Path(name)))


if __name__ == "__main__":
    main()
