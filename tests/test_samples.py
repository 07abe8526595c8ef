"""python -m pytest tests/test_samples.py"""

from __future__ import annotations

import pytest
import tensorflow as tf

from electra_keras.data.vocabulary import Vocabulary
from electra_keras.training.samples import (
    SampleToken,
    escape_markup,
    samples_markdown,
    trace_tokens,
)

VOCABULARY = Vocabulary(
    ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "가", "##나", "|", "<b>", "*")
)
BATCH = {
    "token_ids": tf.constant([[2, 5, 6, 7, 3], [2, 8, 3, 0, 0], [0, 0, 0, 0, 0]]),
    "masked_token_ids": tf.constant(
        [[2, 4, 6, 4, 3], [2, 8, 3, 0, 0], [0, 0, 0, 0, 0]]
    ),
    "padding_mask": tf.constant([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]]),
    "mask_positions": tf.constant([[1, 3], [1, 0], [0, 0]]),
    "mask_weights": tf.constant([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]),
}
OUTPUTS = {
    "corrupted_token_ids": tf.constant(
        [[2, 9, 6, 7, 3], [2, 8, 3, 0, 0], [0, 0, 0, 0, 0]]
    ),
    "replaced_logits": tf.constant(
        [[-9.0, 9.0, -9.0, 0.0, -9.0], [-9.0] * 5, [0.0] * 5]
    ),
}


def test_tokens_are_traced_row_by_row_without_padding() -> None:
    first, second = trace_tokens(BATCH, OUTPUTS, VOCABULARY)
    assert [token.original for token in first] == ["[CLS]", "가", "##나", "|", "[SEP]"]
    assert first[1] == SampleToken(
        "가", "[MASK]", True, "*", pytest.approx(0.99988, abs=1e-5)
    )
    assert first[3] == SampleToken("|", "[MASK]", True, "|", 0.5)
    assert [token.is_masked for token in second] == [False, True, False]


def test_guesses_stand_at_masked_positions_alone() -> None:
    outputs = {"guessed_ids": tf.constant([[5, 9], [8, 0], [0, 0]])}
    first, _ = trace_tokens(BATCH, outputs, VOCABULARY)
    assert [token.guess for token in first] == [None, "가", None, "*", None]
    assert first[1].replaced_probability is None and first[1].corrupted is None


@pytest.mark.parametrize(
    ("token", "written"),
    [
        ("[MASK]", "[MASK]"),
        ("한국어", "한국어"),
        ("##어", "##어"),
        ("##", "&#35;&#35;"),
        ("###", "##&#35;"),
        ("|", "&#124;"),
        ("<b>", "&#60;b&#62;"),
        ("&lt;", "&#38;lt;"),
        ("[unused1]", "&#91;unused1&#93;"),
        ("*_`~\\", "&#42;&#95;&#96;&#126;&#92;"),
    ],
)
def test_markup_is_shown_as_it_is(token: str, written: str) -> None:
    assert escape_markup(token) == written


def test_markdown_holds_no_markup_of_tokens() -> None:
    sample = [
        SampleToken("[CLS]", "[CLS]", False, "[CLS]", 0.01),
        SampleToken("|", "[MASK]", True, "<b>", 0.9),
        SampleToken("*", "*", False, "*", 0.03),
    ]
    assert samples_markdown([sample]) == (
        "### Sample 1\n\n[CLS] &#124; &#42;\n\n"
        "| original | masked | sampled | truth | discriminator says |\n"
        "|---|---|---|---|---|\n"
        "| &#124; | [MASK] | &#60;b&#62; | replaced | 90% replaced |\n\n"
        "Mean over the 2 original tokens: 2%.\n"
    )
