"""Labelled texts to rows: classification and regression.

Reads rows of `text_files.py` through `encoding.py`, feeds the batches.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from electra_keras.finetuning.encoding import EncodedRow, PieceFinder, cut_pair
from electra_keras.finetuning.text_files import TextRow


@dataclasses.dataclass(frozen=True)
class EncodedTexts:
    """Encoded texts.

    Attributes:
        rows: One a text, in their order.
        cut_rows: How many did not fit.
        cut_tokens: Tokens that they lost.
    """

    rows: list[EncodedRow]
    cut_rows: int
    cut_tokens: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What was cut, in words."""
        if not self.cut_rows:
            return ()
        return (
            f"{self.cut_rows:,} of {len(self.rows):,} texts were cut: "
            f"{self.cut_tokens:,} tokens",
        )


def encode_texts(
    rows: Sequence[TextRow], finder: PieceFinder, sequence_length: int
) -> EncodedTexts:
    """Encodes texts or pairs of texts; of a pair the longer one is cut first.

    Args:
        rows: The texts.
        finder: Tokenizes them.
        sequence_length: S, tokens of the longest row.
    """
    firsts = finder.find_pieces([row.text for row in rows])
    seconds = finder.find_pieces([row.text_pair or "" for row in rows])
    encoded, cut_rows, cut_tokens = [], 0, 0
    for row, one, two in zip(rows, firsts, seconds, strict=True):
        a, b = len(one.token_ids), len(two.token_ids)
        if row.text_pair is None:
            kept, also = min(a, sequence_length - 2), 0
            encoded.append(finder.join(one.token_ids[:kept]))
        else:
            kept, also = cut_pair(a, b, sequence_length - 3)
            encoded.append(finder.join(one.token_ids[:kept], two.token_ids[:also]))
        lost = a + b - kept - also
        cut_rows += lost > 0
        cut_tokens += lost
    return EncodedTexts(encoded, cut_rows, cut_tokens)
