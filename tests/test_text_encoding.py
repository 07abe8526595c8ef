"""python -m pytest tests/test_text_encoding.py"""

from __future__ import annotations

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import SPECIAL_TOKENS, Vocabulary
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.tasks.text_encoding import encode_texts
from electra_keras.finetuning.text_files import TextRow

FINDER = PieceFinder(Tokenizer(Vocabulary((*SPECIAL_TOKENS, "가", "나"))))


def test_texts_and_what_was_cut() -> None:
    rows = [TextRow(text, None, "1", "", 1) for text in ("가 나", "가 가 나 나 나")]
    encoded = encode_texts(rows, FINDER, 5)
    assert [row.token_ids.tolist() for row in encoded.rows] == [
        [2, 5, 6, 3],
        [2, 5, 5, 6, 3],
    ]
    assert (encoded.cut_rows, encoded.cut_tokens) == (1, 2)


def test_pairs_are_cut_at_the_longer() -> None:
    encoded = encode_texts([TextRow("가", "나 나 나 나", 2.5, "", 1)], FINDER, 6)
    assert encoded.rows[0].token_ids.tolist() == [2, 5, 3, 6, 6, 3]
    assert encoded.rows[0].segment_ids.tolist() == [0, 0, 0, 1, 1, 1]
    assert (encoded.cut_rows, encoded.cut_tokens) == (1, 2)
