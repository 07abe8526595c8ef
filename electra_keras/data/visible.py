"""Text that is safe and readable wherever it is shown.

Used by the reports of both sides. Samples come from raw text: control characters
would act on a terminal, marks of direction would turn the text beside them, and
lone surrogates cannot be written as UTF-8. They are shown by their number.
"""

from __future__ import annotations

import re

# The zero-width joiner stays: emoji are made with it.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200c\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ud800-\udfff]"
)


def show_invisible(text: str) -> str:
    """Writes "‹U+200B›" for characters that have no look of their own.

    Tabs and newlines stay.
    """
    return _INVISIBLE.sub(lambda match: f"‹U+{ord(match[0]):04X}›", text)
