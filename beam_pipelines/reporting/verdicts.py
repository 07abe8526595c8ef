"""Figures that are out of their healthy range, in plain words.

Reads the content of `stats.json` and the packing, feeds the report and the data card.
"""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_MALFORMED_RATE = 0.01
MAX_UNKNOWN_TOKEN_RATE = 0.01
MAX_PADDING_RATE = 0.3
MIN_KEPT_RATE = 0.5
MIN_HELD_OUT_EXAMPLES = 100


class Verdict(NamedTuple):
    """One unhealthy figure.

    Attributes:
        finding: What was measured.
        advice: What to do about it.
    """

    finding: str
    advice: str


def find_problems(stats: dict[str, Any], packing: str) -> list[Verdict]:
    """Names the unhealthy figures, none if all is well.

    Args:
        stats: Content of `stats.json`; sections may be missing.
        packing: The kind that `info.json` names.
    """
    splits = stats.get("splits") or {}
    documents = stats.get("documents") or {}
    return [
        *_judge_documents(documents),
        *_judge_encoding(documents),
        *_judge_unknown(splits, stats.get("vocabulary") or {}),
        *_judge_padding(splits, packing),
        *_judge_held_out(splits),
    ]


def _judge_documents(documents: dict[str, Any]) -> list[Verdict]:
    rejected = dict(documents.get("rejected") or {})
    # What the user sampled out is not a loss.
    wanted = documents.get("read", 0) - rejected.pop("sampled_out", 0)
    kept = documents.get("kept", 0)
    if kept >= MIN_KEPT_RATE * wanted:
        return []
    finding = f"Only {kept:,} of {wanted:,} documents were kept ({kept / wanted:.0%})."
    if not rejected:
        return [Verdict(finding, "Check the inputs.")]
    reason = max(rejected, key=lambda name: rejected[name])
    return [
        Verdict(
            finding,
            f"Most were rejected as {reason} ({rejected[reason]:,}). Read the "
            "samples of that reason; if they are good text, loosen its limit.",
        )
    ]


def _judge_encoding(documents: dict[str, Any]) -> list[Verdict]:
    malformed = documents.get("malformed_utf8", 0)
    if malformed <= MAX_MALFORMED_RATE * documents.get("read", 0):
        return []
    return [
        Verdict(
            f"{malformed:,} documents held bytes that are not UTF-8.",
            "Convert the files, for example with iconv -f CP949 -t UTF-8.",
        )
    ]


def _judge_unknown(splits: dict[str, Any], vocabulary: dict[str, Any]) -> list[Verdict]:
    rates = {
        f"the tokens of the {name} split": split.get("unknown_token_rate", 0.0)
        for name, split in splits.items()
    }
    rates["the tokens"] = vocabulary.get("unknown_token_rate", 0.0)
    tokens, rate = max(rates.items(), key=lambda pair: pair[1])
    if rate <= MAX_UNKNOWN_TOKEN_RATE:
        return []
    return [
        Verdict(
            f"{rate:.1%} of {tokens} are [UNK].",
            "The model learns nothing from them. Build a vocabulary from this "
            "text, or a larger one.",
        )
    ]


def _judge_padding(splits: dict[str, Any], packing: str) -> list[Verdict]:
    if packing == "dense":
        advice = (
            "Lower packing.sequence_length; a split with few rows is mostly its "
            "last row."
        )
    else:
        advice = (
            "Training spends that share of its time on nothing. Lower "
            "packing.sequence_length, or pack short documents with "
            "packing.kind=dense."
        )
    return [
        Verdict(
            f"{split['padding_rate']:.0%} of the rows of {name} is padding.",
            advice,
        )
        for name, split in splits.items()
        if split.get("padding_rate", 0.0) > MAX_PADDING_RATE
    ]


def _judge_held_out(splits: dict[str, Any]) -> list[Verdict]:
    return [
        Verdict(
            f"The {name} split has only {split['examples']:,} examples.",
            "Figures measured on it will be noisy. Raise "
            f"shards.{name}_rate, or add text.",
        )
        for name, split in splits.items()
        if name != "train" and split.get("examples", 0) < MIN_HELD_OUT_EXAMPLES
    ]
