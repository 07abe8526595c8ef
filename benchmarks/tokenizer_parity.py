"""Whether our tokenizer gives what Hugging Face's gives, line by line.

    python benchmarks/tokenizer_parity.py --input='corpus/*.gz' --vocabulary=vocab.txt

Compares `electra_keras.data.tokenizer` with `tokenizers`' BERT WordPiece
(clean_text, CJK split, cased) on one thread each; ends with 1 if more than
1 line of 10,000 differs. Needs pip install tokenizers. With --speed: what
Beam's path leaves of the speed of the bare op.
"""

from __future__ import annotations

import argparse
import glob
import gzip
import os
import re
import statistics
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from electra_keras.command_line import import_tensorflow_quietly

LEAST_EQUAL_RATE = 0.9999
BATCH_LINES = 4096
MAX_BYTES_PER_WORD = 300
SHOWN_LINES = 10
_GZIP_MAGIC = b"\x1f\x8b"


def read_lines(pattern: str, one_in: int) -> Iterator[bytes]:
    """Yields every `one_in`th line of the files that match, without blank ones."""
    for path in sorted(glob.glob(pattern)):
        with open(path, "rb") as file:
            is_gzip = file.read(2) == _GZIP_MAGIC
        with gzip.open(path) if is_gzip else open(path, "rb") as lines:
            for index, line in enumerate(lines):
                if index % one_in == 0 and line.strip():
                    yield line.rstrip(b"\r\n")


def read_batches(pattern: str, one_in: int) -> Iterator[list[bytes]]:
    """Yields lines by `BATCH_LINES`."""
    batch: list[bytes] = []
    for line in read_lines(pattern, one_in):
        batch.append(line)
        if len(batch) == BATCH_LINES:
            yield batch
            batch = []
    if batch:
        yield batch


def explain(line: str) -> str:
    """Says why the two may tokenize a line differently."""
    if "\ufffd" in line:
        return "malformed UTF-8, or U+FFFD, which only one drops"
    if unicodedata.normalize("NFC", line) != line:
        return "not in NFC"
    if re.search(r"\[(PAD|UNK|CLS|SEP|MASK)\]", line):
        return "names a special token"
    if any(len(word) > 100 for word in re.split(r"[\s\W]+", line)):
        return "a word of over 100 characters"
    if any(len(word.encode()) > MAX_BYTES_PER_WORD for word in line.split()):
        return f"a word of over {MAX_BYTES_PER_WORD} bytes"
    kinds = {unicodedata.category(char) for char in line}
    rare = sorted(kinds & {"Cc", "Cf", "Co", "Cn", "Zl", "Zp"})
    return f"characters of category {', '.join(rare)}" if rare else "unknown"


def load_ours(vocabulary: str) -> Any:
    """Loads our tokenizer."""
    from electra_keras.data.tokenizer import Tokenizer
    from electra_keras.data.vocabulary import TokenizerConfig, Vocabulary

    config = TokenizerConfig(max_bytes_per_word=MAX_BYTES_PER_WORD)
    return Tokenizer(Vocabulary.load(vocabulary), config)


def load_theirs(vocabulary: str) -> Any:
    """Loads Hugging Face's."""
    from tokenizers import BertWordPieceTokenizer

    return BertWordPieceTokenizer(
        vocabulary,
        clean_text=True,
        handle_chinese_chars=True,
        strip_accents=False,
        lowercase=False,
    )


def compare(options: argparse.Namespace) -> int:
    """Compares the tokenizers, prints the table, returns the exit code."""
    import tensorflow as tf

    ours, theirs = load_ours(options.vocabulary), load_theirs(options.vocabulary)
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    differing: list[str] = []
    our_secs = their_secs = 0.0
    for batch in read_batches(options.input, options.one_in):
        # CPU time, since other processes take turns on a busy machine.
        started = time.process_time()
        pieces = ours.tokenize(tf.constant(batch, tf.string))
        our_secs += time.process_time() - started
        texts = [line.decode("utf-8", "replace") for line in batch]
        started = time.process_time()
        encodings = theirs.encode_batch(texts, add_special_tokens=False)
        their_secs += time.process_time() - started
        counts["lines"] += len(batch)
        counts["bytes"] += sum(map(len, batch))
        for text, row, encoding in zip(texts, pieces.to_list(), encodings, strict=True):
            if row != encoding.ids:
                reasons[explain(text)] += 1
                differing.append(text)
    equal_rate = 1 - len(differing) / max(1, counts["lines"])
    table = Table("", "ours", "Hugging Face")
    table.add_row("lines", f"{counts['lines']:,}", f"{counts['lines']:,}")
    megabytes = counts["bytes"] / 1e6
    speeds = (f"{megabytes / max(s, 1e-9):.1f}" for s in (our_secs, their_secs))
    table.add_row("MB/s of one core", *speeds)
    table.add_row("differing lines", f"{len(differing):,}", "")
    table.add_row("equal lines", f"{equal_rate:.4%}", "")
    console = Console(highlight=False, markup=False)
    console.print(table)
    for reason, count in reasons.most_common():
        console.print(f"{count:,} x {reason}")
    for text in differing[:SHOWN_LINES]:
        console.print(f"  {explain(text)}: {text[:120]!r}")
    return 0 if counts["lines"] and equal_rate >= LEAST_EQUAL_RATE else 1


def measure_speed(options: argparse.Namespace) -> int:
    """Times Beam's path and the bare op in turn, prints the table."""
    import tensorflow as tf
    import tensorflow_text as tf_text

    from beam_pipelines.tokenization import tokenize_documents

    tokenizer = load_ours(options.vocabulary)
    bare = tf_text.FastBertTokenizer(
        vocab=list(tokenizer.vocabulary.entries),
        token_out_type=tf.int32,
        max_bytes_per_word=tokenizer.config.max_bytes_per_word,
    )
    batches = list(read_batches(options.input, options.one_in))
    # Documents of some 50 lines, as a corpus of reviews by film has them.
    documents = [
        [b"\n".join(batch[i : i + 50]) for i in range(0, len(batch), 50)]
        for batch in batches
    ]
    paths: dict[str, Callable[[], Any]] = {
        "bare op": lambda: [
            bare.tokenize(tf.constant(batch, tf.string)) for batch in batches
        ],
        "with NFC": lambda: [
            tokenizer.tokenize(tf.constant(batch, tf.string)) for batch in batches
        ],
        "tokenize_documents": lambda: [
            tokenize_documents(texts, tokenizer) for texts in documents
        ],
    }
    secs: dict[str, list[float]] = {name: [] for name in paths}
    for run in paths.values():  # Warms the caches.
        run()
    for _ in range(options.repetitions):
        for name, run in paths.items():
            started = time.process_time()
            run()
            secs[name].append(time.process_time() - started)
    megabytes = sum(len(line) for batch in batches for line in batch) / 1e6
    tokens = sum(int(tf.size(ids.flat_values)) for ids in paths["with NFC"]())
    table = Table("path", "MB/s", "tokens/s", "of the bare op (median of pairs)")
    for name, values in secs.items():
        pairs = zip(secs["bare op"], values, strict=True)
        ratio = statistics.median(bare / value for bare, value in pairs)
        best = min(values)
        speeds = (f"{megabytes / best:.1f}", f"{tokens / best:,.0f}")
        table.add_row(name, *speeds, f"{ratio:.0%}")
    Console().print(table)
    return 0


def main() -> int:
    """Parses, then compares or measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", required=True, help="glob of text files, or gzip")
    parser.add_argument("--vocabulary", required=True, help="vocab.txt")
    parser.add_argument("--one_in", type=int, default=1, help="use every Nth line")
    parser.add_argument("--speed", action="store_true", help="measure Beam's path")
    parser.add_argument("--repetitions", type=int, default=5, help="with --speed")
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import_tensorflow_quietly()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return measure_speed(options) if options.speed else compare(options)


if __name__ == "__main__":
    raise SystemExit(main())
