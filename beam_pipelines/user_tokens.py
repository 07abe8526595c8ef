"""Words that a vocabulary holds whatever their count: read and checked here.

Used by `vocabulary.py`. A user token must be what the tokenizer takes as one
word, or it could never be looked up.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from beam_pipelines import storage
from beam_pipelines.word_counts import load_splitter
from electra_keras.errors import UsageError

_MAX_ENTRY_BYTES = 256  # Of the tokenizer's op, "##" not counted.


def load_user_tokens(path: str) -> tuple[str, ...]:
    """Reads a file with one user token a line; blank lines are passed over.

    Raises:
        UsageError: There is no such file, or it is not UTF-8.
    """
    if not storage.exists(path):
        raise UsageError(
            f"no file of user tokens at {path}",
            expected="a text file with one user token a line",
            fix="Check --user_tokens_file.",
        )
    try:
        lines = storage.read_file(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 at byte {error.start}",
            expected="a text file with one user token a line",
            fix="Re-encode it.",
        ) from None
    return tuple(line.strip() for line in lines if line.strip())


def check_user_tokens(user_tokens: Sequence[str], max_bytes_per_word: int) -> None:
    """Checks that each token is one word to the tokenizer.

    Args:
        user_tokens: Words.
        max_bytes_per_word: As the tokenizer has it.

    Raises:
        UsageError: A token would be split or changed, is too long, or there
            are two of it.
    """
    most_bytes = min(max_bytes_per_word, _MAX_ENTRY_BYTES)
    splitter = load_splitter(max_bytes_per_word)
    for index, token in enumerate(user_tokens):
        data = token.encode("utf-8")
        is_word = len(data) <= most_bytes and splitter.split([data]) == [data]
        if not is_word or token in user_tokens[:index] or not _is_kept(token):
            raise UsageError(
                f"the user token {token!r}",
                expected=f"one word of at most {most_bytes} bytes, named once: the "
                "tokenizer splits at white space, punctuation and ideographs, "
                "composes to NFC and drops control characters",
                fix="Correct it, or leave it out.",
            )


def _is_kept(word: str) -> bool:
    """Whether no character of a word is one that the tokenizer drops."""
    return not any(unicodedata.category(char).startswith("C") for char in word)
