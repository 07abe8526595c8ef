"""What the web leaves in text: HTML, URLs, e-mail addresses.

Used by `presets.py` and `personal_data.py`. Patterns begin with a literal and
have bounded parts, so that they are quick and no text takes time that grows
faster than its length.
"""

from __future__ import annotations

import html
import re

from beam_pipelines.cleaning.normalization import normalize_text

_LOOK_BEHIND_CHARACTERS = 80
# An entity may be escaped again: "&amp;lt;".
_ENTITY = re.compile(
    r"&(?:(?:amp|#0{0,5}38|#[xX]0{0,4}26);)*"
    r"(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
)
_BLOCKS = (
    "br|p|div|li|ul|ol|dl|dt|dd|tr|td|th|table|tbody|thead|hr|h[1-6]|blockquote|pre|"
    "section|article|header|footer|center|form|option|select|title|body|html|head"
)
_INLINES = (
    "a|b|i|u|s|em|strong|span|font|img|small|big|sub|sup|strike|del|ins|mark|code|"
    "label|input|button|iframe|script|style|meta|link|embed|object|video|audio|source"
)
_TAG = re.compile(
    rf"</?(?:({_BLOCKS})|{_INLINES})(?:[ /][^<>\n\x00\x01]{{0,500}})?>", re.I
)
# A URL ends where ASCII ends: Korean words are often glued to it. Without a
# scheme it needs a path: "example.com" alone may be the subject of a sentence.
_REST = "[!-;=?-~]"
_URLS = (
    re.compile(rf"https?://{_REST}+"),
    re.compile(rf"H(?:ttp|TTP)[sS]?://{_REST}+"),
    re.compile(rf"www\.(?<![A-Za-z0-9.@/-]www\.)[A-Za-z0-9-]+\.{_REST}+"),
)
_PATH_START = re.compile(r"\.[A-Za-z]{2,6}/")
_PATH_REST = re.compile(f"{_REST}*")
_HOST = re.compile(r"(?<![\w.@/-])[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\Z")
_MAIL_DOMAIN = re.compile(
    r"@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9@])"
)
# Not inside a name. A full stop after Korean is the end of a sentence.
MAIL_START = r"(?<![A-Za-z0-9])(?<![A-Za-z0-9][._%+-])"
_MAIL_NAME = re.compile(rf"{MAIL_START}[A-Za-z0-9][A-Za-z0-9._%+-]{{0,63}}\Z")


def strip_urls(text: str) -> str:
    """Puts a space in the place of each URL."""
    for pattern in _URLS:
        text = pattern.sub(" ", text)
    return replace_around(text, _HOST, _PATH_START, " ", _PATH_REST)[0]


def replace_emails(text: str, replacement: str) -> tuple[str, int]:
    """Replaces e-mail addresses.

    Returns:
        The text, and how many there were that were not the replacement itself.
    """
    if "@" not in text:
        return text, 0
    return replace_around(text, _MAIL_NAME, _MAIL_DOMAIN, replacement)


def strip_html(text: str) -> str:
    """Decodes entities and removes tags; "<" before other words stays.

    Tags of blocks, such as <br>, leave a space; others nothing.
    """
    if "&" in text:
        decoded = _ENTITY.sub(_decode_entity, text)
        if decoded != text:
            text = normalize_text(decoded)
    if "<" in text:
        text = _TAG.sub(lambda tag: " " if tag[1] else "", text)
    return text


def _decode_entity(entity: re.Match[str]) -> str:
    decoded = html.unescape(f"&{entity[1]};")
    # A decoded newline or NUL would tear the document.
    return decoded if decoded.isprintable() else " "


def replace_around(
    text: str,
    head: re.Pattern[str],
    anchor: re.Pattern[str],
    replacement: str,
    tail: re.Pattern[str] | None = None,
) -> tuple[str, int]:
    r"""Replaces what an anchor, quick to find, and a head before it match.

    Args:
        text: Joined documents.
        head: Ends with "\Z", which is where the anchor begins.
        anchor: Begins with a literal.
        replacement: Takes the place of all; not a template.
        tail: What follows an anchor with a head goes too. In the anchor itself
            it would hide further anchors where the first one has no head.

    Returns:
        The text, and how many matches differed from the replacement.
    """
    parts: list[str] = []
    end = count = 0
    for match in anchor.finditer(text):
        if match.start() < end:
            continue
        begin = max(end, match.start() - _LOOK_BEHIND_CHARACTERS)
        found = head.search(text, begin, match.start())
        if found:
            stop = match.end()
            if tail and (rest := tail.match(text, stop)):
                stop = rest.end()
            count += text[found.start() : stop] != replacement
            parts += (text[end : found.start()], replacement)
            end = stop
    return "".join((*parts, text[end:])), count
