"""Personal data out of the text: its shape stays, its content goes.

The last step on joined text, after a preset and before `tidy_lines`. Digits
become 0, so that no new piece enters the vocabulary: "010-1234-5678" becomes
"000-0000-0000". `docs/cleaning.md` has precision and recall per kind.
"""

from __future__ import annotations

import calendar
import functools
import re
from collections import Counter
from collections.abc import Callable

import numpy as np

from beam_pipelines.characters import code_points
from beam_pipelines.cleaning.markup import (
    MAIL_START,
    replace_around,
    replace_emails,
)
from beam_pipelines.cleaning.suspect_lines import rewrite_lines

KINDS = ("phone", "resident_number", "email", "kakao_id", "card", "account")
EMAIL = "email@example.com"
KAKAO_ID = "아이디"
_LOOK_BEHIND_CHARACTERS = 24

# Stretches of digits and what stands between them; all number patterns below
# are tried on these alone, which are rare.
_BETWEEN_DIGITS = "-0123456789 .()~/_·–"
_STRETCH = re.compile(rf"[0-9][{_BETWEEN_DIGITS}]{{6,}}[0-9]")
# All numbers have so many digits at least; this much text holds that many.
_MIN_DIGITS, _MAX_SPREAD = 8, 40
_BETWEEN = " ?[-.)~/_·–]? ?"
_START, _END = "(?<![0-9])(?<![0-9][-.])", "(?![0-9]|[-.][0-9])"
_PHONE = re.compile(
    rf"{_START}(?:82{_BETWEEN}\(?0?\)?|0){_BETWEEN}"
    r"(?:1[016789]|2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|[78]0|50[2-8])"
    rf"{_BETWEEN}[0-9]{{3,4}}{_BETWEEN}[0-9]{{4}}{_END}"
)
_SERVICE_PHONE = re.compile(
    rf"{_START}(1(?:5(?:22|44|66|77|88|99)|6(?:00|44|61|66|70|88)|8(?:00|11|33|55|77|99)))"
    rf"[-–]([0-9]{{4}}){_END}"
)
_RESIDENT_NUMBER = re.compile(
    rf"{_START}(?<!/)([0-9]{{2}})([0-9]{{2}})([0-9]{{2}})"
    rf" ?[-–]? ?([1-8])[0-9]{{6}}{_END}"
)
_CARD = re.compile(
    rf"{_START}[2-69](?:[0-9]{{12,15}}"
    r"|[0-9]{3}([- ])[0-9]{4}\1[0-9]{4}\1[0-9]{1,4}"
    rf"|[0-9]{{3}}([- ])[0-9]{{6}}\2[0-9]{{5}}){_END}"
)
_HYPHENATED = re.compile(
    rf"{_START}[0-9]{{2,6}}-[0-9]{{2,6}}-[0-9]{{2,7}}(?:-[0-9]{{1,5}})?{_END}"
)
_PLAIN = re.compile(rf"{_START}[0-9][0-9-]{{8,18}}[0-9]{_END}")
_BANK = re.compile(
    r"(?:(?:은행|뱅크|농협|신협|수협|새마을금고|우체국|계좌(?:번호)?|통장|카뱅|케뱅|"
    r"[Aa]ccount|[Aa]cct)[^0-9\n\x00]{0,15}"
    r"|(?:국민|신한|우리|하나|기업|제일|토스|부산|대구|씨티|외환|카카오)[ :]{0,3})\Z"
)
# Of a book, a date, or a parcel; or with a 0 that no bank's form begins with.
_NOT_ACCOUNT = re.compile(
    r"0|97[89]|(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-|[0-9]{4}-[0-9]{4}-[0-9]{4}\Z"
)
_NUMERALS = "공영일이삼사오육륙칠팔구"
_SPELLED_PHONE = re.compile(
    rf"(?<![0-9oO{_NUMERALS}])(?:공[일1]공|[oO]1[oO]){_BETWEEN}"
    rf"[0-9oO{_NUMERALS}]{{3,4}}{_BETWEEN}[0-9oO{_NUMERALS}]{{4}}(?![0-9])"
)
_SPELLED_PHONE_STARTS = ("공일공", "공1공", "o1o", "o1O", "O1o", "O1O")
# One of them is in each mail and Kakao id.
_SIGNS = "@뱅)]카톡kK"
_DIGIT, _SIGN, _ZERO = 1, 2, 3
_TO_ZERO = str.maketrans("123456789" + _NUMERALS, "0" * 9 + "공" * len(_NUMERALS))

_MAIL_NAME = rf"{MAIL_START}[A-Za-z0-9][A-Za-z0-9._%+-]{{1,63}} ?"
_MAIL_HOST = "(?:[A-Za-z0-9-]{1,63}|[가-힣]{1,6})"
_MAIL_DOT = r" ?(?:닷|쩜|[(\[] ?(?:dot|닷) ?[)\]]) ?"
_MAIL_END = r"(?:[A-Za-z]{2,6}(?:\.kr)?|컴|넷)(?![A-Za-z0-9@]|\.[A-Za-z0-9])"
_MAIL_REST = rf" ?{_MAIL_HOST}(?:\.|{_MAIL_DOT}){_MAIL_END}"
# What stands before the sign, and the sign with what follows it.
_SPELLED_MAILS = tuple(
    (re.compile(rf"{_MAIL_NAME}{before}\Z"), re.compile(rest))
    for before, rest in (
        (r"[(\[]? ?", rf"골뱅이 ?[)\]]?{_MAIL_REST}"),
        (r"[(\[] ?", rf"at ?[)\]]{_MAIL_REST}"),
        (r"[(\[] ?", rf"AT ?[)\]]{_MAIL_REST}"),
        ("", rf"@(?: {_MAIL_REST}|{_MAIL_HOST}{_MAIL_DOT}{_MAIL_END})"),
    )
)

_KAKAO_LEAD = (
    # Named an id and announced: any name of four letters.
    r"(?:[ _]?(?:아이디|아뒤|ID|[Ii]d|친추)(?: ?(?:는|은|:|=|→|->|is) ?|\()"
    r"(?=[A-Za-z0-9._-]*[A-Za-z])"
    # Otherwise it must look like one, with a digit or an underscore.
    r"|[ _]?(?:아이디|아뒤|ID|[Ii]d|친추|추가)?"
    r"(?: ?(?:은|는|으로|:|=|→|->) ?|[ (]{0,2})"
    r"(?=[0-9._-]*[A-Za-z])(?=[A-Za-z.-]*[0-9_])(?!v?[0-9.]+(?![A-Za-z0-9]))"
    r"(?!(?i:iphone|ipad|ios|galaxy|android|windows|http|www)))"
)
_KAKAO_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{3,19}(?![A-Za-z0-9._@-])"
_KAKAO_IDS = tuple(
    re.compile(f"({word}{more}{_KAKAO_LEAD}){_KAKAO_NAME}")
    for word, more in (
        ("카톡", ""),
        ("카카오", "톡?"),
        ("까톡", ""),
        ("akao", "(?<=[Kk]akao)(?<![A-Za-z0-9][Kk]akao)(?: ?[Tt]alk)?"),
        ("KAKAO", "(?<![A-Za-z0-9]KAKAO)(?: ?TALK)?"),
    )
)


def scrub(text: str) -> tuple[str, Counter[str]]:
    """Replaces personal data in joined documents.

    Args:
        text: Joined, normalised documents.

    Returns:
        The text, and how many of each of `KINDS` were replaced. Scrubbing the
        result changes and counts nothing.
    """
    counts: Counter[str] = Counter()
    suspects = _find_suspects(code_points(text))
    text = rewrite_lines(text, suspects, lambda lines: _scrub_lines(lines, counts))
    return text, +counts


@functools.cache
def _suspect_table() -> np.ndarray:
    table = np.zeros(0x110000, np.uint8)
    table[code_points("0123456789")] = _DIGIT
    table[code_points(_SIGNS)] = _SIGN
    table[code_points("공oO")] = _ZERO
    return table


def _find_suspects(codes: np.ndarray) -> np.ndarray:
    """Returns places of which each line with personal data holds one."""
    kinds = _suspect_table().take(codes)
    where = np.flatnonzero(kinds)
    kinds = kinds[where]
    zeros = where[kinds == _ZERO]
    zeros = zeros[zeros < len(codes) - 2]
    is_start = np.isin(codes[zeros + 1], code_points("1일"))
    is_start &= np.isin(codes[zeros + 2], code_points("공oO"))
    return np.sort(
        np.concatenate(
            (
                where[kinds == _SIGN],
                _find_crowds(where[kinds == _DIGIT]),
                zeros[is_start],
            )
        )
    )


def _find_crowds(digits: np.ndarray) -> np.ndarray:
    """Returns the places of digits from which on many are close together."""
    firsts = digits[: 1 - _MIN_DIGITS]
    return firsts[digits[_MIN_DIGITS - 1 :] - firsts <= _MAX_SPREAD]


def _scrub_lines(text: str, counts: Counter[str]) -> str:
    text, emails = replace_emails(text, EMAIL)
    counts["email"] += emails
    for name, rest in _SPELLED_MAILS:
        text, spelled = replace_around(text, name, rest, EMAIL)
        counts["email"] += spelled
    text = _scrub_kakao_ids(text, counts)
    text = _scrub_numbers(text, counts)
    if any(start in text for start in _SPELLED_PHONE_STARTS):
        text, spelled = _SPELLED_PHONE.subn(lambda m: m[0].translate(_TO_ZERO), text)
        counts["phone"] += spelled
    return text


def _scrub_kakao_ids(text: str, counts: Counter[str]) -> str:
    for pattern in _KAKAO_IDS:
        found = 1
        # A replaced id may announce the next one.
        while found:
            text, found = pattern.subn(rf"\g<1>{KAKAO_ID}", text)
            counts["kakao_id"] += found
    return text


def _scrub_numbers(text: str, counts: Counter[str]) -> str:
    """Replaces numbers, which stand where many digits are close together."""
    digits = np.flatnonzero(code_points(text) - np.uint32(ord("0")) < 10)
    parts: list[str] = []
    end = stop = 0
    for start in _find_crowds(digits).tolist():
        if start < stop:
            continue
        stop = start
        while start > end and text[start - 1] in _BETWEEN_DIGITS:
            start -= 1
        while stop < len(text) and text[stop] in _BETWEEN_DIGITS:
            stop += 1
        match = _STRETCH.search(text, start, stop)
        if match:
            parts += (text[end : match.start()], _scrub_stretch(match, counts))
            end = match.end()
    return "".join((*parts, text[end:]))


def _scrub_stretch(match: re.Match[str], counts: Counter[str]) -> str:
    """Replaces the numbers of one stretch of digits."""
    stretch, whole = match[0], match.string
    after = whole[match.end() : match.end() + 1]
    if after == "원" or (after.isascii() and after.isalpha()):
        return stretch  # A sum of money, a code, or the name in a URL.
    before = whole[max(0, match.start() - _LOOK_BEHIND_CHARACTERS) : match.start()]
    for kind, pattern, is_right in _NUMBERS:
        stretch = _zero(pattern, stretch, kind, is_right, counts)
    if _BANK.search(before) and (plain := _PLAIN.match(stretch)):
        number = _zero(_PLAIN, plain[0], "account", _is_bank_account, counts)
        stretch = number + stretch[plain.end() :]
    stretch = _zero(_CARD, stretch, "card", _is_card, counts)
    return _zero(_HYPHENATED, stretch, "account", _is_account, counts)


def _zero(
    pattern: re.Pattern[str],
    stretch: str,
    kind: str,
    is_right: Callable[[re.Match[str]], bool],
    counts: Counter[str],
) -> str:
    def replace(match: re.Match[str]) -> str:
        if not is_right(match):
            return match[0]
        counts[kind] += 1
        return match[0].translate(_TO_ZERO)

    return pattern.sub(replace, stretch)


def _digits(match: re.Match[str]) -> list[int]:
    return [int(character) for character in match[0] if character.isdigit()]


def _is_resident_number(match: re.Match[str]) -> bool:
    year, month, day, century = (int(part) for part in match.groups())
    if not 1 <= month <= 12 or len(set(_digits(match))) < 4:
        return False
    # 1 and 2, 5 and 6 are of 19xx; 3 and 4, 7 and 8 of 20xx.
    year += 1900 if century in (1, 2, 5, 6) else 2000
    return 1 <= day <= calendar.monthrange(year, month)[1]


def _is_service_phone(match: re.Match[str]) -> bool:
    # "1800-1899" are years.
    return not int(match[1]) <= int(match[2]) <= 2100


def _is_card(match: re.Match[str]) -> bool:
    digits = _digits(match)
    if len(digits) == 13 and digits[:2] == [9, 7]:
        return False  # ISBN
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_bank_account(match: re.Match[str]) -> bool:
    digits = _digits(match)
    return 10 <= len(digits) <= 14 and any(digits)


def _is_account(match: re.Match[str]) -> bool:
    digits = _digits(match)
    is_long = 11 <= len(digits) <= 14 and any(digits)
    return is_long and not _NOT_ACCOUNT.match(match[0])


# Bank accounts and cards come after these: a phone number may be an account's.
_NUMBERS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]], ...] = (
    ("resident_number", _RESIDENT_NUMBER, _is_resident_number),
    ("phone", _PHONE, lambda match: True),
    ("phone", _SERVICE_PHONE, _is_service_phone),
)
