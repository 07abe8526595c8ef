"""One-document-a-line text in, one sentence a line out.

Stands between cleaning and filters, for sources whose lines are whole
documents, so that a segment can end where a sentence ends. A newline takes the
place of the space after a sentence and nothing else changes; sentences that
are written without a space between them stay together.

A sentence ends, in Korean and in English,

- at "!", "?" and full stops, with the closing quotes and brackets and the signs
  of mood (ㅋㅋ ㅠㅠ ~ ^^, emoji) that follow;
- at two dots or more, or at signs of mood alone, only after a final ending
  (좋다..., 좋네요 ㅋㅋ), since after others (그런데...) it goes on;
- at polite endings that are final without a mark (좋아요, 봤습니다, 그렇죠).

It does not end after initials and titles (J. K., Mr.), in numbers, dates,
addresses and lists (3.5, 2019. 5. 3., 1. 연기), nor where the next word shows
that it goes on: in lower case, or 라고, 하고 after a quotation. Where a rule is
unsure it leaves the line whole.
"""

from __future__ import annotations

import itertools
import re

_STRONG = "!?！？。"
_DOTS = ".…‥"
_MARKS = _STRONG + _DOTS
# Signs of mood: jamo, tildes, faces, hearts and stars, emoji and their parts.
_MOOD = "ㅋㅎㅠㅜㅡㄷㅉ\u116e\u1172~～^;_♡♥★☆"
_MOOD += "\u2600-\u27bf\u2b50\u200d\ufe0f\U0001f000-\U0001faff"
_CLOSERS = "\"'”’)\\]」』》〉"
# Syllables that end sentences, and words that merely end in one of them.
_FINAL = "다요죠네음함임됨까냐듯"
_NOT_FINAL = "처음|마음|다음|게임|모임|책임|니까|필요|주요|동네|바다|마다|보다"
# With the final consonant ㅂ, as in 합니다: every 28th syllable.
_WITH_B = "".join(map(chr, range(ord("갑"), ord("힣") + 1, 28)))
# Before 요 they make a polite ending.
_BEFORE_YO = "네군에예어아해세워봐돼까나게래데대와져려"
# After the space: not what goes on with the sentence, quoting words or marks.
_NEXT = (
    "(?=[^ \t\n\x00])"
    f"(?!이?라[고는며]|하[고며는]|하면서|[했싶]|[는고며] |[{_MARKS},:)\\]])"
)
_TITLES = (
    "Mr|Ms|Dr|St|Jr|Sr|Lt|Mt|vs",
    "Mrs|Gen|Col|Sgt|Sen|Rep|Gov|Rev|Hon|Inc|Ltd|"
    "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec",
    "Prof|Capt|Corp|Sept",
)
_LINE_STARTS = ("^", "[\n\x00]")

# What belongs to the sentence after its first sign. Bounded, as is every other
# repetition that could begin again inside itself: no text takes quadratic time.
_REST = f"[{_MARKS}{_MOOD}{_CLOSERS}]*+(?: [{_MOOD}][{_MARKS}{_MOOD}]*+){{0,4}}+"
_SOFT_END = (
    f"(?= ?[{_MOOD}…‥]| [{_MARKS}]|[.][.{_MOOD}])(?<!{_NOT_FINAL}) ?{_REST}"
    f"|(?= [^{_MOOD}])(?:(?<=[{_BEFORE_YO}]요)|(?<=죠)|(?<=[{_WITH_B}]니다))"
)
_STRONG_END = f"(?:(?<=[{_STRONG}])|[{_MOOD}{_DOTS}]*+[{_STRONG}]){_REST}"
_NO_LIST = "".join(f"(?<!{start}[가나다라마바사].)" for start in _LINE_STARTS)
_NO_TITLE = "".join(f"(?<!\\b(?:{titles}).)" for titles in _TITLES)
_NO_NUMBER = "".join(
    f"(?<!{start}{digits}.)"
    for start in (*_LINE_STARTS, " ")
    for digits in ("[0-9]", "[0-9][0-9]")
)
_FULL_STOP = (
    f"(?:[{_MOOD}]*+(?<=[{_MOOD}])[.](?![{_MOOD}])"
    "|(?<=[.])(?:"
    f"(?<=[^\x00-\x7f].){_NO_LIST}"
    f"|(?<=[ %\"')\\]].)(?<![.] .)"
    f"|(?:(?<=[A-Za-z].)(?<!\\b[A-Za-z].){_NO_TITLE}|(?<=[0-9].){_NO_NUMBER})"
    f"(?=[{_MOOD}{_CLOSERS}]*+ [^0-9])"
    f"))(?![{_DOTS}]){_REST}"
)
# The first character alone decides whether to look closer, which makes the
# scan fast. After an ASCII character, lower case goes on with the sentence.
_END = re.compile(
    f"[{_FINAL}{_MARKS}{_MOOD}](?:"
    f"(?<=[{_FINAL}])(?:{_SOFT_END}) {_NEXT}"
    f"|(?<=[{_MARKS}{_MOOD}])(?<![{_MARKS}{_MOOD}].)(?:(?<=([^\x00-\x7f]).)|)"
    f"(?:{_STRONG_END}|{_FULL_STOP}) {_NEXT}(?(1)|(?![a-z]))"
    ")"
)


def split_sentences(text: str) -> str:
    r"""Puts each sentence on its own line.

    Args:
        text: Documents joined by "\x00"; their lines end with a newline.

    Returns:
        The same text with a newline in place of the space after each sentence
        that another one follows.
    """
    ends = [match.end() for match in _END.finditer(text)]
    if not ends:
        return text
    bounds = itertools.pairwise([0, *ends, len(text) + 1])
    return "\n".join([text[start : end - 1] for start, end in bounds])
