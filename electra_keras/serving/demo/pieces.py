"""Tokens laid on the text as it was typed.

Reads tokens and their places from a signature's answer, feeds `answers.py`.
Places are code points, as Python counts them; a browser counts UTF-16 units,
so texts are cut here and the page only joins them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

_CONTINUES = "##"


@dataclasses.dataclass(frozen=True)
class Piece:
    """A token and the part of the text that it stands for.

    Attributes:
        place: Index of the token in its row; [CLS] is 0.
        token: Entry of the vocabulary, such as "##나".
        start: First code point in the text.
        end: Code point after the last.
        before: What was typed between the token before and this one.
        text: What was typed for this token; empty where an earlier token
            covers the same code points.
        continues: Whether it belongs to the word of the token before.
    """

    place: int
    token: str
    start: int
    end: int
    before: str
    text: str
    continues: bool


def cut_pieces(
    text: str, tokens: Sequence[str], starts: Sequence[int], ends: Sequence[int]
) -> tuple[list[Piece], str]:
    """Cuts a text at its tokens; nothing of it is lost or doubled.

    Args:
        text: As it was typed.
        tokens: Of its row, without padding: [CLS], tokens, [SEP].
        starts: First code point of each token.
        ends: Code point after each token's last.

    Returns:
        A piece per token, without [CLS] and [SEP], and the rest of the text
        after the last: `before` and `text` of all pieces and the rest make up
        the text.
    """
    pieces: list[Piece] = []
    reached = 0
    for place in range(1, len(tokens) - 1):
        token, start, end = tokens[place], starts[place], ends[place]
        # Two tokens share a place where normalisation made one character two.
        begin = max(start, reached)
        stop = max(end, begin)
        pieces.append(
            Piece(
                place=place,
                token=token,
                start=start,
                end=end,
                before=text[reached:begin],
                text=text[begin:stop],
                continues=token.startswith(_CONTINUES) and place > 1,
            )
        )
        reached = stop
    return pieces, text[reached:]


def show_token(token: str) -> str:
    """Returns a token as a reader would write it: "##나" is "나"."""
    return token.removeprefix(_CONTINUES) if token != _CONTINUES else token
