"""How fast text becomes rows, and how much of them is padding.

    python benchmarks/packing.py --input=FILE --vocabulary=vocab.txt

Prints one row per packing: the median over the repetitions, in MB of text a
second of one core's time. Documents are separated by blank lines, or with
`--one_document_a_line` are lines.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from beam_pipelines.config import PACKINGS
from beam_pipelines.encoding import encode_rows
from beam_pipelines.packed_rows import PackingSettings, TokenizedDocuments
from beam_pipelines.packing import pack_documents
from beam_pipelines.splitting import hash_document
from electra_keras.command_line import import_tensorflow_quietly


def read_texts(path: str, megabytes: float, *, by_line: bool) -> list[bytes]:
    """Reads the documents of the first so many MB, without empty lines."""
    with Path(path).open("rb") as file:
        text = file.read(int(megabytes * 1e6))
    documents = text.split(b"\n") if by_line else re.split(rb"\n\s*\n", text)
    return [document.strip() for document in documents if document.strip()]


def tokenize(
    texts: list[bytes], vocabulary: str
) -> tuple[TokenizedDocuments, PackingSettings, float]:
    """Tokenizes once, after a warm-up; returns the seconds of it too."""
    from beam_pipelines.tokenization import tokenize_documents
    from electra_keras.data.tokenizer import Tokenizer
    from electra_keras.data.vocabulary import Vocabulary

    tokenizer = Tokenizer(Vocabulary.load(vocabulary))
    tokenize_documents(texts[:100], tokenizer)
    started = time.process_time()
    documents = tokenize_documents(texts, tokenizer)
    secs = time.process_time() - started
    ids = tokenizer.vocabulary.special_token_ids
    return documents, PackingSettings(128, ids["[CLS]"], ids["[SEP]"]), secs


def main() -> None:
    """Parses, measures, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", required=True, help="text file")
    parser.add_argument("--vocabulary", required=True, help="vocab.txt")
    parser.add_argument("--one_document_a_line", action="store_true")
    parser.add_argument("--megabytes", type=float, default=16.0, help="of text")
    parser.add_argument("--sequence_length", type=int, default=128, help="tokens")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    import_tensorflow_quietly()
    texts = read_texts(
        options.input, options.megabytes, by_line=options.one_document_a_line
    )
    megabytes = sum(map(len, texts)) / 1e6
    documents, special, tokenize_secs = tokenize(texts, options.vocabulary)
    hashes = [hash_document(text) for text in texts]
    table = Table(
        *("packing", "pack, MB/s", "pack and encode", "tokenize too"),
        *("rows", "1000 rows/s", "padding"),
        title=f"{megabytes:.1f} MB, {len(texts):,} documents, "
        f"rows of {options.sequence_length}",
    )
    for packing in PACKINGS:
        settings = PackingSettings(
            options.sequence_length, special.cls_id, special.sep_id, packing
        )
        measured: list[tuple[float, float]] = []
        for _ in range(options.repetitions):
            started = time.process_time()
            rows = pack_documents(documents, hashes, settings)
            packed = time.process_time()
            for _record in encode_rows(rows, "uint16"):
                pass
            measured.append((packed - started, time.process_time() - packed))
        pack, encode = map(statistics.median, zip(*measured, strict=True))
        padding_rate = 1 - len(rows.token_ids) / (len(rows) * options.sequence_length)
        table.add_row(
            packing,
            f"{megabytes / pack:.0f}",
            f"{megabytes / (pack + encode):.0f}",
            f"{megabytes / (pack + encode + tokenize_secs):.1f}",
            f"{len(rows):,}",
            f"{len(rows) / encode / 1000:,.0f}",
            f"{padding_rate:.1%}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
