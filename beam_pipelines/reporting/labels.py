"""Words for the names that stations give to reasons, stages and figures.

Used by the report and the data card. An unknown name is shown as it is.
"""

from __future__ import annotations

REASONS = {
    "blocked_words": "holds words of the block list",
    "column_missing": "the table has no such column",
    "contaminated": "nothing is left without lines of evaluation files",
    "csv_invalid": "not a row of CSV",
    "digits": "too large a share of digits",
    "duplicate": "equals an earlier document",
    "empty": "nothing is left after cleaning",
    "few_words": "too few words",
    "json_invalid": "not a line of JSON",
    "little_hangul": "too small a share of Hangul",
    "little_latin": "too small a share of Latin",
    "malformed_utf8": "bytes that are not UTF-8",
    "near_duplicate": "nearly equals an earlier document",
    "no_required_word": "holds no word of the list of required ones",
    "no_tokens": "gives no token",
    "other_letters": "too large a share of other scripts",
    "repetition": "too large a share of repetition",
    "sampled_out": "left out by the sampling that was asked for",
    "symbols": "too large a share of symbols",
    "text_missing": "no text under the key",
    "too_large": "more bytes than a document may have",
    "too_long": "too many characters",
    "too_short": "too few characters",
    "turn_invalid": "a turn without text",
    "turns_missing": "no list of turns under the key",
}

HISTOGRAMS = {
    "characters": "Characters of a document",
    "digit_rate": "Share of digits",
    "hangul_rate": "Share of Hangul among letters",
    "latin_rate": "Share of Latin among letters",
    "other_rate": "Share of other scripts among letters",
    "repetition_rate": "Share of repetition",
    "symbol_rate": "Share of symbols",
    "tokens_per_document": "Tokens of a document",
    "tokens_per_example": "Tokens of an example",
    "words": "Words of a document",
}

PACKINGS = {
    "reference": "[CLS] a [SEP] b [SEP] from one document",
    "dense": "several short documents a row, each attending to itself only",
    "short": "one document a row",
}


def title(name: str) -> str:
    """Returns a name of a figure as a heading."""
    return HISTOGRAMS.get(name, name.replace("_", " ").capitalize())
