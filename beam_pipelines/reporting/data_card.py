"""The data card of a folder: what it holds and how it came to be, in Markdown.

Reads the content of `stats.json` and `info.json` and the resolved settings. It
states what was measured and leaves open what only people know. The same run
gives the same text.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from beam_pipelines.reporting.labels import PACKINGS, REASONS, title
from beam_pipelines.reporting.verdicts import find_problems
from electra_keras.data.visible import show_invisible

_MARKUP = re.compile(r"([\\`*_\[\]<>|#&~])")


def make_data_card(
    stats: dict[str, Any], info: dict[str, Any], config: dict[str, Any]
) -> str:
    """Writes the data card.

    Args:
        stats: Content of `stats.json`; sections may be missing.
        info: Content of `info.json`.
        config: The resolved settings, nested.

    Returns:
        Markdown.
    """
    sections = {
        "Summary": _summarise(stats, info),
        "Sources": _tell_sources(stats),
        "Processing": _tell_processing(stats),
        "Statistics": _tell_statistics(stats),
        "Splits": _tell_splits(stats),
        "Personal data": _tell_personal_data(stats),
        "Bias": _tell_bias(stats),
        "Known limits": _tell_limits(stats, info),
        "Licence": ["Not stated. Fill in the licence and the origin of each source."],
        "How to repeat": _tell_command(info, config),
    }
    parts = ["# Data card"]
    for name, paragraphs in sections.items():
        parts += [f"## {name}", *paragraphs]
    return "\n\n".join(parts) + "\n"


def _summarise(stats: dict[str, Any], info: dict[str, Any]) -> list[str]:
    splits = (stats.get("splits") or {}).values()
    tokens = sum(split.get("tokens", 0) for split in splits)
    examples = sum(split.get("examples", 0) for split in splits)
    packing = info.get("packing", "reference")
    return [
        f"Tokenized text for pre-training: {examples:,} examples with {tokens:,} "
        f"tokens, from {stats.get('text_bytes', 0) / 1e6:,.1f} MB of text in "
        f"{(stats.get('documents') or {}).get('kept', 0):,} documents.",
        f"A row has at most {info['sequence_length']:,} tokens, packed as {packing}: "
        f"{PACKINGS.get(packing, packing)}. The vocabulary has "
        f"{info['vocabulary_size']:,} entries (sha256 "
        f"{info['vocabulary_sha256'][:12]}).",
    ]


def _tell_sources(stats: dict[str, Any]) -> list[str]:
    inputs = stats.get("inputs") or {}
    if not inputs:
        return ["Not recorded by input."]
    keys = ("files", "documents", "kept", "text_bytes", "weight")
    rows = [
        (_escape(name), *(_number(x.get(key)) for key in keys))
        for name, x in inputs.items()
    ]
    return [_table(("Input", "Files", "Documents", "Kept", "Bytes", "Weight"), rows)]


def _tell_processing(stats: dict[str, Any]) -> list[str]:
    documents = stats.get("documents") or {}
    paragraphs = [
        f"{documents.get('read', 0):,} documents were read and "
        f"{documents.get('kept', 0):,} kept. "
        f"{documents.get('malformed_utf8', 0):,} held bytes that are not UTF-8."
    ]
    funnel = stats.get("funnel") or []
    if funnel:
        rows = [
            (_escape(x["stage"]), _number(x["documents"]), _number(x["text_bytes"]))
            for x in funnel
        ]
        paragraphs.append(_table(("After", "Documents", "Bytes"), rows))
    counts = documents.get("rejected") or {}
    rejected = [
        (_escape(name), REASONS.get(name, ""), _number(count))
        for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        if count
    ]
    if rejected:
        heads = ("Rejected as", "Meaning", "Documents")
        paragraphs.append(_table(heads, rejected, text_columns=2))
    paragraphs += _tell_decontamination(stats)
    return paragraphs


def _tell_decontamination(stats: dict[str, Any]) -> list[str]:
    files = stats.get("decontamination") or []
    if not files:
        return ["No evaluation files were given to look for in the text."]
    keys = ("rows", "rows_ignored", "rows_hit", "documents_hit")
    heads = ("Evaluation file", *(title(key) for key in keys))
    rows = [(_escape(x["file"]), *(_number(x.get(key)) for key in keys)) for x in files]
    cut = f"{_number(stats.get('lines_cut'))} lines were cut."
    return [_table(heads, rows), cut]


def _tell_statistics(stats: dict[str, Any]) -> list[str]:
    rows = []
    vocabulary = stats.get("vocabulary") or {}
    for key in ("used", "words", "pieces_per_word", "unknown_token_rate"):
        if key in vocabulary:
            name = f"Vocabulary: {key.replace('_', ' ')}"
            rows.append((name, _number(vocabulary[key])))
    duplicates = stats.get("duplicates") or {}
    for kind, groups in (("exact", "groups"), ("near", "clusters")):
        if duplicates.get(kind):
            found = duplicates[kind]
            rows.append((f"Duplicates, {kind}: {groups}", _number(found[groups])))
            rows.append((f"Duplicates, {kind}: dropped", _number(found["dropped"])))
    if "truncated_tokens" in stats:
        rows.append(("Tokens cut off and lost", _number(stats["truncated_tokens"])))
    return [_table(("Figure", "Value"), rows)] if rows else ["Not measured."]


def _tell_splits(stats: dict[str, Any]) -> list[str]:
    splits = stats.get("splits") or {}
    if not splits:
        return ["None."]
    keys = list(dict.fromkeys(key for split in splits.values() for key in split))
    rows = [
        (title(key), *(_number(split.get(key)) for split in splits.values()))
        for key in keys
    ]
    heads = ("", *map(_escape, splits))
    return [
        "The hash of a document's text decides its split, so equal documents land "
        "in the same one.",
        _table(heads, rows),
    ]


def _tell_personal_data(stats: dict[str, Any]) -> list[str]:
    if "personal_data" not in stats:
        return ["Not looked for. The text may hold personal data."]
    counts = stats["personal_data"] or {}
    rows = [(_escape(kind), _number(count)) for kind, count in sorted(counts.items())]
    return [
        *([_table(("Kind", "Places scrubbed"), rows)] if rows else ["None was found."]),
        "Patterns found these. What they miss, such as names, is still in the text.",
    ]


def _tell_bias(stats: dict[str, Any]) -> list[str]:
    counts = stats.get("languages") or {}
    if not counts:
        return ["Neither languages nor topics, opinions and authors were measured."]
    total = max(1, sum(counts.values()))
    rows = [
        (_escape(name), _number(count), f"{count / total:.1%}")
        for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return [
        "Documents by the script of their letters. Topics, opinions, dialects and "
        "authors were not measured.",
        _table(("Script", "Documents", "Share"), rows),
    ]


def _tell_limits(stats: dict[str, Any], info: dict[str, Any]) -> list[str]:
    problems = find_problems(stats, info.get("packing", "reference"))
    if not problems:
        return ["No measured figure is out of its healthy range."]
    return ["\n".join(f"- {_escape(' '.join(problem))}" for problem in problems)]


def _tell_command(info: dict[str, Any], config: dict[str, Any]) -> list[str]:
    text = json.dumps(config, sort_keys=True)
    settings = yaml.safe_dump(config, allow_unicode=True, sort_keys=False).rstrip()
    # Longer than any run of backticks in the settings, so that none ends it.
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", settings))])
    command = (
        "python -m beam_pipelines.preprocess --config=config.yaml \\\n"
        "  --vocabulary=vocab.txt --output=DIR"
    )
    return [
        "With these settings as `config.yaml`, the same inputs, the vocabulary of "
        f"this folder and version {info.get('version') or 'unknown'}:",
        f"```bash\n{command}\n```",
        f"Fingerprint of the settings: `{hashlib.sha256(text.encode()).hexdigest()}`.",
        f"{fence}yaml\n{settings}\n{fence}",
    ]


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, text_columns: int = 1
) -> str:
    """Lays a table out; the columns after the first few hold numbers."""
    number_columns = len(heads) - text_columns
    lines = [heads, ["---"] * text_columns + ["---:"] * number_columns, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escape(text: str) -> str:
    """Makes a name from data safe inside a line or a cell of Markdown."""
    return _MARKUP.sub(r"\\\1", " ".join(show_invisible(text).split()))


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else "–"
