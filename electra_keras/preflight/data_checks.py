"""Checks of the data: vocabulary, tokens and rows.

Reads `Evidence`, feeds `examination.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import numpy as np

from electra_keras.data.vocabulary import CLS, SEP, SPECIAL_TOKENS, UNK
from electra_keras.preflight.evidence import Evidence
from electra_keras.preflight.finding import Finding, judge, show_rate

# The limit of the data report: a vocabulary that was made from the text stays far
# below it.
MANY_UNKNOWN_RATE = 0.01
# More tokens say nothing than are masked (15%): the networks learn to predict and
# to judge among what is left of each sentence.
DOOMED_UNKNOWN_RATE = 0.2
# Published multilingual and English vocabularies hold some dozens of jamo in
# 30,000 entries or more, and harm nobody.
MANY_DECOMPOSED_RATE = 0.01
# Nothing but a vocabulary that was written or learnt in NFD has so many.
DOOMED_DECOMPOSED_RATE = 0.5
# NFC text has next to none, decomposed Korean text little else.
DOOMED_DECOMPOSED_TOKEN_RATE = 0.2
# A text that is read twice as often as it should be; weights of inputs that
# repeat a source some times over stay below.
MANY_SAME_ROWS_RATE = 0.5
# Our preprocessing cuts nothing; what another one cuts is lost to training.
MANY_CUT_TOKENS_RATE = 0.01
# Of `short` rows, each one text: more than half are pieces of longer ones.
MANY_FULL_ROWS_RATE = 0.5
# The limit of the data report: a third of the time is spent on nothing.
MUCH_PADDING_RATE = 0.3
# Rows that a shorter length shall hold without a cut.
KEPT_ROWS_RATE = 0.95
_SHOWN_BEFORE, _SHOWN_AFTER = 4, 2
# Conjoining jamo; ㅋ and ㅠ of chats are others (U+3130 to U+318F), which NFC keeps.
_CONJOINING = re.compile("[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]")


def check_vocabulary(evidence: Evidence) -> Finding:
    """The vocabulary's size against `model.vocabulary_size`."""
    entries = len(evidence.vocabulary)
    wanted = evidence.config.model.vocabulary_size
    shown = "not set" if wanted is None else f"{wanted:,}"
    return judge(
        "vocabulary",
        entries,
        "entries",
        f"{entries:,} entries; model.vocabulary_size {shown}",
        expected=f"{entries:,}, or not set",
        fix="Remove model.vocabulary_size from the configuration.",
        doomed=wanted not in (None, entries),
    )


def check_special_ids(evidence: Evidence) -> Finding:
    """Ids of [PAD] and the others, and that every row begins and ends with them."""
    faults = list(_find_id_faults(evidence))
    return judge(
        "special ids",
        len(faults),
        "faults",
        "; ".join(faults)
        or f"all {len(SPECIAL_TOKENS)} right; {len(evidence.lengths):,} sampled rows "
        f"are {CLS} ... {SEP}",
        expected="those of vocab.txt, in every row",
        fix="Preprocess again with the vocabulary of the data folder.",
        doomed=bool(faults),
    )


def _find_id_faults(evidence: Evidence) -> Iterator[str]:
    size = len(evidence.vocabulary)
    ids = evidence.info.special_token_ids
    for token in SPECIAL_TOKENS:
        known = evidence.special_ids[token]
        if ids.get(token) != known:
            yield f"info.json has {token} as {ids.get(token)}, vocab.txt as {known}"
    rows, real = evidence.token_ids, evidence.is_real
    outside = (real & ((rows < 0) | (rows >= size))).any(axis=1).sum()
    if outside:
        yield f"{outside:,} of {len(rows):,} sampled rows hold ids beyond {size - 1:,}"
    last = np.maximum(evidence.lengths - 1, 0)
    begins = rows[:, 0] == evidence.special_ids[CLS]
    ends = rows[np.arange(len(rows)), last] == evidence.special_ids[SEP]
    bare = (~(begins & ends)).sum()
    if bare:
        yield f"{bare:,} of {len(rows):,} sampled rows are not {CLS} ... {SEP}"


def check_nfc(evidence: Evidence) -> Finding:
    """Whether vocabulary and tokens are NFC: syllables, not conjoining jamo."""
    flags = np.array([_is_decomposed(x) for x in evidence.vocabulary.entries])
    rate = float(flags.mean())
    ids = np.clip(evidence.token_ids[evidence.is_text], 0, len(flags) - 1)
    token_rate = float(flags[ids].mean()) if ids.size else 0.0
    return judge(
        "NFC",
        max(rate, token_rate),
        "rate",
        f"{show_rate(rate)} of the entries, {show_rate(token_rate)} of the sampled "
        "tokens are jamo or not NFC",
        expected=f"at most {show_rate(MANY_DECOMPOSED_RATE)} of the entries",
        fix="Lower-casing or stripping of accents broke Hangul into jamo. Build the "
        "vocabulary from NFC text, cased, with beam_pipelines.build_vocabulary.",
        warning=rate > MANY_DECOMPOSED_RATE,
        doomed=rate > DOOMED_DECOMPOSED_RATE
        or token_rate > DOOMED_DECOMPOSED_TOKEN_RATE,
    )


def _is_decomposed(entry: str) -> bool:
    return not entry.isascii() and (
        not unicodedata.is_normalized("NFC", entry)
        or _CONJOINING.search(entry) is not None
    )


def check_unknown_tokens(evidence: Evidence) -> Finding:
    """Share of [UNK] among the tokens of the text."""
    is_unknown = evidence.is_text & (evidence.token_ids == evidence.special_ids[UNK])
    tokens = int(evidence.is_text.sum())
    source = f"{tokens:,} sampled text tokens"
    rate = int(is_unknown.sum()) / max(1, tokens)
    stats = evidence.train_stats
    if "unknown_token_rate" in stats and "text_tokens" in stats:
        rate = stats["unknown_token_rate"]
        source = f"all {stats['text_tokens']:,} text tokens"
    shown = _show_one(evidence, is_unknown)
    return judge(
        "unknown tokens",
        rate,
        "rate",
        f"{show_rate(rate)} of {source} are {UNK}{shown}",
        expected=f"at most {show_rate(MANY_UNKNOWN_RATE)}",
        fix="Build a vocabulary from this text, or a larger one.",
        warning=rate > MANY_UNKNOWN_RATE,
        doomed=rate > DOOMED_UNKNOWN_RATE,
    )


def _show_one(evidence: Evidence, is_unknown: np.ndarray) -> str:
    """Quotes an [UNK] with the tokens around it, of the row with the fewest."""
    if not is_unknown.any():
        return ""
    counts = is_unknown.sum(axis=1)
    row = int(np.where(counts, counts, counts.max() + 1).argmin())
    place = int(is_unknown[row].argmax())
    first = max(1, place - _SHOWN_BEFORE)  # The row begins with [CLS].
    end = min(place + 1 + _SHOWN_AFTER, int(evidence.lengths[row]) - 1)
    entries = evidence.vocabulary.entries
    ids = np.clip(evidence.token_ids[row, first:end], 0, len(entries) - 1)
    return f', such as "{" ".join(entries[i] for i in ids)}"'


def check_different_rows(evidence: Evidence) -> Finding:
    """Whether rows differ from each other."""
    rows = len(evidence.token_ids)
    different = len({row.tobytes() for row in evidence.token_ids})
    rate = different / max(1, rows)
    return judge(
        "different rows",
        rate,
        "rate",
        f"{different:,} of {rows:,} sampled rows",
        expected=f"at least {show_rate(MANY_SAME_ROWS_RATE)}",
        fix="Look at them with beam_pipelines.inspect, and drop copies when "
        "preprocessing.",
        warning=rows > 0 and rate < MANY_SAME_ROWS_RATE,
        doomed=rows > 1 and different == 1,
    )


def check_cut_text(evidence: Evidence) -> Finding:
    """How much text did not fit into its row."""
    rows, length = evidence.token_ids.shape
    full_rate = int((evidence.lengths == length).sum()) / max(1, rows)
    is_short = evidence.info.packing == "short"
    cut = evidence.stats.get("truncated_tokens")
    known = evidence.train_stats.get("text_tokens", 0)
    cut_rate = (cut or 0) / max(1, (cut or 0) + known)
    begin = "" if cut is None else f"{show_rate(cut_rate)} of the tokens were cut off; "
    # A full row is no loss where the text goes on in the next one.
    return judge(
        "cut text",
        full_rate if is_short else cut_rate,
        "rate",
        f"{begin}{show_rate(full_rate)} of the sampled rows are full",
        expected=f"at most {show_rate(MANY_FULL_ROWS_RATE)} full rows of one text each"
        if is_short
        else f"at most {show_rate(MANY_CUT_TOKENS_RATE)} of the tokens cut off",
        fix="Preprocess with a higher --sequence_length, or with "
        "--packing=reference, which goes on in the next row.",
        warning=cut_rate > MANY_CUT_TOKENS_RATE
        or (is_short and full_rate > MANY_FULL_ROWS_RATE),
    )


def check_padding(evidence: Evidence) -> Finding:
    """Share of the training rows that is padding."""
    info = evidence.info
    places = info.examples("train") * info.sequence_length
    rate = (places - info.tokens("train")) / max(1, places)
    return judge(
        "padding",
        rate,
        "rate",
        f"{show_rate(rate)} of the rows is padding",
        expected=f"at most {show_rate(MUCH_PADDING_RATE)}",
        fix=_advise_on_padding(evidence),
        warning=rate > MUCH_PADDING_RATE,
    )


def _advise_on_padding(evidence: Evidence) -> str:
    lengths, longest = evidence.lengths, evidence.info.sequence_length
    fits = longest
    if len(lengths):
        fits = int(np.quantile(lengths, KEPT_ROWS_RATE, method="higher"))
    shorter = f"--sequence_length={fits}, which holds 95% of the rows"
    ways = [] if evidence.info.packing == "dense" else ["--packing=dense"]
    if fits < longest:
        ways.append(shorter)
    if not ways:
        return "A split of few rows is mostly its last one: give more text."
    return f"Preprocess with {', or with '.join(ways)}."


def check_held_out(evidence: Evidence) -> Finding:
    """Whether there are held-out rows to measure on."""
    rows = evidence.info.examples("validation")
    return judge(
        "held-out rows",
        rows,
        "examples",
        f"{rows:,}",
        expected="some",
        fix="No curve will say how well the run does: preprocess with "
        "--validation_rate=0.01 or more.",
        warning=rows == 0,
    )


DATA_CHECKS = (
    check_vocabulary,
    check_special_ids,
    check_nfc,
    check_unknown_tokens,
    check_different_rows,
    check_cut_text,
    check_padding,
    check_held_out,
)
