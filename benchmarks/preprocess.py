r"""How fast raw text becomes a data folder, what it takes, and how that grows.

    python benchmarks/preprocess.py --input='corpus/*.txt' --vocabulary=vocab.txt \
        --evaluation=test.tsv

Prints a row per variant of the job, on one core:

    plain    no cleaning, equal documents dropped
    cleaned  preset, personal data, filters, and decontamination with --evaluation
    near     near-duplicates dropped too
    lines    a document a line, packed densely

The start (imports, the tokenizer) is measured by the same job on the first
documents alone, and taken off; the import of TensorFlow, which is part of it, is
printed too. With --peer_command another program makes
examples of the same text in the same run, so that a ratio is printed; {input}
is a folder of plain text, {vocabulary} a vocab.txt and {output} a folder:

    --peer_command='python build_pretraining_dataset.py --corpus-dir {input}
        --vocab-file {vocabulary} --output-dir {output} --no-lower-case'

With --repeated the input is repeated up to --megabytes, with a line of its own in
each document, so that the start weighs less. With --memory the job runs on 60 and
600 MB instead, made the same way, and the growth of the peak is printed.
"""

from __future__ import annotations

import argparse
import glob
import shlex
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from process_tree import Cost, run_command
from rich.console import Console
from rich.table import Table

from beam_pipelines.readers.compression import (
    MAGIC_BYTES,
    read_blocks,
    sniff_compression,
)
from beam_pipelines.storage import open_file
from electra_keras.command_line import import_tensorflow_quietly

VARIANTS: dict[str, list[str]] = {
    "plain": [],
    "cleaned": [
        "--clean=korean_chat",
        "--personal_data=scrub",
        "--set=filters.min_characters=10",
        "--set=filters.min_hangul_rate=0.2",
        "--set=filters.max_symbol_rate=0.6",
        "--set=filters.max_repetition_rate=0.9",
    ],
    "near": ["--near_duplicates"],
    "lines": ["--format=lines", "--packing=dense"],
}
_PEER = "peer"
_START_BYTES = 20_000


def read_text(pattern: str, most_bytes: int) -> bytes:
    """Reads files, decompressed, up to some size; cut at a blank line."""
    parts: list[bytes] = []
    size_bytes = 0
    for path in sorted(glob.glob(pattern)):
        with open_file(path) as stream:
            compression = sniff_compression(stream.read(MAGIC_BYTES))
            stream.seek(0)
            for block in read_blocks(stream, path, compression):
                parts.append(block)
                size_bytes += len(block)
                if size_bytes >= most_bytes:
                    return _cut(b"".join(parts), most_bytes)
        parts.append(b"\n\n")
    if not size_bytes:
        raise SystemExit(f"no text in {pattern}")
    return b"".join(parts)


def _cut(text: bytes, most_bytes: int) -> bytes:
    stop = text.rfind(b"\n\n", 0, most_bytes)
    return text[: stop if stop > 0 else most_bytes] + b"\n"


def repeat_text(text: bytes, size_bytes: int) -> Iterator[bytes]:
    """Yields blocks of so many bytes whose documents all differ."""
    documents = [document for document in text.split(b"\n\n") if document.strip()]
    repetition = 0
    while True:
        for document in documents:
            block = b"%s\n%d.\n\n" % (document, repetition)
            yield block
            size_bytes -= len(block)
            if size_bytes <= 0:
                return
        repetition += 1


class Corpus:
    """A folder with one text file.

    Args:
        folder: To make.
        blocks: Its content.
    """

    def __init__(self, folder: Path, blocks: Iterator[bytes] | list[bytes]):
        folder.mkdir()
        self.folder = folder
        self.megabytes = 0.0
        with (folder / "text.txt").open("wb") as file:
            for block in blocks:
                file.write(block)
                self.megabytes += len(block) / 1e6


class Bench:
    """Runs jobs in a folder that is emptied at the end.

    Args:
        options: Of the command line.
        folder: For corpora and outputs.
    """

    def __init__(self, options: argparse.Namespace, folder: Path):
        self._options = options
        self._folder = folder
        self._runs = 0

    def run(self, variant: str, corpus: Corpus) -> tuple[Cost, Path]:
        """Runs one variant; returns its cost and its output."""
        self._runs += 1
        output = self._folder / f"out-{self._runs}"
        options = self._options
        if variant == _PEER:
            values = {"input": corpus.folder, "vocabulary": options.vocabulary}
            command = [
                part.format(output=output, **values)
                for part in shlex.split(options.peer_command)
            ]
        else:
            command = [
                *(sys.executable, "-m", "beam_pipelines.preprocess"),
                *(f"--input={corpus.folder}/*", f"--vocabulary={options.vocabulary}"),
                *(f"--output={output}", f"--sequence_length={options.sequence_length}"),
                *("--workers=1", "--shuffle=files", "--validation_rate=0"),
                *VARIANTS[variant],
            ]
            if variant == "cleaned" and options.evaluation:
                command += [
                    f"--decontaminate={options.evaluation}",
                    f"--set=decontamination.text_key={options.evaluation_key}",
                ]
        return run_command(command), output

    def measure(self, variant: str, corpus: Corpus, start: Corpus) -> list[float]:
        """Runs one variant; returns the columns of the table but for the ratios."""
        first, _ = self.run(variant, start)
        cost, output = self.run(variant, corpus)
        return [
            corpus.megabytes / max(0.01, cost.cpu_secs - first.cpu_secs),
            corpus.megabytes / max(0.01, cost.wall_secs - first.wall_secs),
            corpus.megabytes / cost.cpu_secs,
            corpus.megabytes / cost.wall_secs,
            first.wall_secs,
            cost.peak_bytes / 1e9,
            _bytes_per_token(output),
        ]


def _bytes_per_token(output: Path) -> float:
    """Bytes on disk per token that is not padding."""
    if (output / "info.json").exists():
        from electra_keras.data.info import load_info

        shards = [s for split in load_info(output).splits.values() for s in split]
        return sum(s.bytes for s in shards) / sum(s.tokens for s in shards)
    import_tensorflow_quietly()
    import tensorflow as tf

    files = [str(path) for path in output.iterdir() if path.stat().st_size]
    spec = {"input_mask": tf.io.VarLenFeature(tf.int64)}
    tokens = 0
    for records in tf.data.TFRecordDataset(files).batch(1000):
        mask = tf.io.parse_example(records, spec)["input_mask"]
        tokens += int(tf.reduce_sum(mask.values))
    return sum(Path(file).stat().st_size for file in files) / max(1, tokens)


def _import_secs(repetitions: int) -> float:
    """Wall seconds of the import that every start contains."""
    command = [sys.executable, "-c", "import tensorflow, tensorflow_text"]
    return statistics.median(run_command(command).wall_secs for _ in range(repetitions))


def compare_variants(bench: Bench, folder: Path, options: argparse.Namespace) -> Table:
    """Measures all variants, and the peer."""
    text = read_text(options.input, int(options.megabytes * 1e6))
    size_bytes = int(options.megabytes * 1e6)
    blocks = repeat_text(text, size_bytes) if options.repeated else [text]
    corpus = Corpus(folder / "corpus", blocks)
    start = Corpus(folder / "start", [_cut(text, _START_BYTES)])
    variants = [*options.variants, *([_PEER] if options.peer_command else [])]
    # In turns: a machine that gets slower does so for all.
    turns = [
        {variant: bench.measure(variant, corpus, start) for variant in variants}
        for _ in range(options.repetitions)
    ]
    import_secs = _import_secs(options.repetitions)
    table = Table(
        *("job", "MB/s a core", "MB/s wall", "a core with start", "wall with start"),
        *("start, s", "peak, GB", "bytes/token", "times plain", "times peer"),
        title=f"{corpus.megabytes:.1f} MB, one process",
        caption=f"import of TensorFlow alone: {import_secs:.2f} s",
    )
    for variant in variants:
        columns = zip(*(turn[variant] for turn in turns), strict=True)
        table.add_row(
            variant,
            *(f"{statistics.median(column):.2f}" for column in columns),
            *(_ratio(turns, variant, base) for base in ("plain", _PEER)),
        )
    return table


def _ratio(turns: list[dict[str, list[float]]], variant: str, base: str) -> str:
    """MB/s a core against those of another, the median of the turns."""
    if base not in turns[0]:
        return "-"
    ratios = [turn[variant][0] / turn[base][0] for turn in turns]
    return f"{statistics.median(ratios):.2f}"


def compare_memory(bench: Bench, folder: Path, options: argparse.Namespace) -> Table:
    """Measures the peak at two sizes of the input."""
    text = read_text(options.input, int(options.megabytes * 1e6))
    small, large = (
        Corpus(folder / f"corpus-{size}", repeat_text(text, int(size * 1e6)))
        for size in options.memory_megabytes
    )
    table = Table(
        "job",
        *(f"peak at {corpus.megabytes:.0f} MB, GB" for corpus in (small, large)),
        *("growth", "wall, s"),
    )
    for variant in options.variants:
        first, _ = bench.run(variant, small)
        second, _ = bench.run(variant, large)
        peaks = (first.peak_bytes, second.peak_bytes)
        table.add_row(
            variant,
            *(f"{peak / 1e9:.3f}" for peak in peaks),
            f"{peaks[1] / peaks[0] - 1:+.1%}",
            f"{second.wall_secs:.0f}",
        )
    return table


def _parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", required=True, help="glob of text, plain or packed")
    parser.add_argument("--vocabulary", required=True, help="vocab.txt")
    parser.add_argument("--evaluation", help="file whose lines are cut, when cleaning")
    parser.add_argument("--evaluation_key", default="text", help="field or column")
    parser.add_argument("--megabytes", type=float, default=60.0, help="of the input")
    parser.add_argument("--sequence_length", type=int, default=128, help="tokens")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--peer_command", default="", help="another program to run")
    parser.add_argument("--repeated", action="store_true", help="see above")
    parser.add_argument("--memory", action="store_true", help="measure the peak only")
    parser.add_argument(
        "--memory_megabytes", type=float, nargs=2, default=[60.0, 600.0]
    )
    parser.add_argument(
        "--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS)
    )
    return parser.parse_args(argv)


def main() -> None:
    """Parses, measures, prints the table."""
    options = _parse()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compare = compare_memory if options.memory else compare_variants
        table = compare(Bench(options, folder), folder, options)
    Console().print(table)


if __name__ == "__main__":
    main()
