"""python -m pytest tests/test_user_tokens.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from beam_pipelines.user_tokens import check_user_tokens, load_user_tokens
from electra_keras.errors import UsageError


def test_words_and_emoji_are_user_tokens() -> None:
    check_user_tokens(("썸남", "😀", "👍🏽", "❤️", "ㅋㅋ", "字", "!", "C"), 300)
    check_user_tokens((), 300)


@pytest.mark.parametrize(
    "token",
    [
        "두 단어",
        "a!",
        "字字",
        "[unused0]",
        "##어",
        "[MASK]",
        "\u1112\u1161",
        "a\u200db",
        "",
    ],
)
def test_a_user_token_that_is_not_one_word_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match="the user token") as error:
        check_user_tokens(("👍", token), 300)
    assert repr(token) in str(error.value)


def test_a_user_token_that_is_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match="at most 256 bytes"):
        check_user_tokens(("가" * 86,), 300)
    with pytest.raises(UsageError, match="at most 16 bytes"):
        check_user_tokens(("가" * 6,), 16)


def test_a_user_token_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="named once"):
        check_user_tokens(("썸", "썸"), 300)


def test_user_tokens_are_read_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "tokens.txt"
    path.write_bytes("\ufeff썸남\r\n\n 😀 \n".encode())
    assert load_user_tokens(str(path)) == ("썸남", "😀")
    path.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        load_user_tokens(str(path))
    with pytest.raises(UsageError, match="no file of user tokens"):
        load_user_tokens(str(tmp_path / "missing"))
