"""python -m pytest tests/test_tokenization.py"""

from __future__ import annotations

import itertools
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tensorflow_text as tf_text

from beam_pipelines import tokenization
from beam_pipelines.cleaning.normalization import normalize_text
from beam_pipelines.tokenization import (
    TokenizerSpec,
    load_tokenizer,
    tokenize_documents,
)
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import ElectraError

ENTRIES = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("한", "##국", "##어", "한국", "a", "##b", "[", "]", "CLS", "!"),
)


@pytest.fixture
def spec(tmp_path: Path) -> TokenizerSpec:
    vocabulary = Vocabulary(ENTRIES)
    (tmp_path / "vocab.txt").write_text(vocabulary.text(), "utf-8")
    return TokenizerSpec(str(tmp_path / "vocab.txt"), vocabulary.sha256, 300)


def tokenize(spec: TokenizerSpec, *texts: str) -> list[list[list[int]]]:
    documents = tokenize_documents(
        [text.encode() for text in texts], load_tokenizer(spec)
    )
    lines = [
        documents.token_ids[a:b].tolist()
        for a, b in itertools.pairwise(documents.line_splits.tolist())
    ]
    return [
        lines[a:b] for a, b in itertools.pairwise(documents.document_splits.tolist())
    ]


def test_lines_become_sentences_of_longest_pieces(spec: TokenizerSpec) -> None:
    assert tokenize(spec, "한국어 ab!\na", "한") == [[[8, 7, 9, 10, 14], [9]], [[5]]]


def test_special_tokens_never_come_from_text(spec: TokenizerSpec) -> None:
    assert tokenize(spec, "[CLS] a [SEP]") == [[[11, 13, 12, 9, 11, 1, 12]]]


def test_a_line_of_which_nothing_is_left_is_empty(spec: TokenizerSpec) -> None:
    assert tokenize(spec, " \na") == [[[], [9]]]


def test_what_serving_normalises_changes_nothing_that_was_normalised() -> None:
    points = [c for c in range(2, 0x110000) if not 0xD800 <= c < 0xE000]
    words = [f"a{chr(c)}b" for c in points]
    # What decomposes is given both ways; ICU and Python have to compose alike.
    words += [unicodedata.normalize("NFD", word) for word in words]
    text = normalize_text("\n".join(dict.fromkeys(words)))
    lines = [line.encode() for line in text.split("\n")]
    normalizer = tf_text.FastBertNormalizer()
    again = normalizer.normalize(tf_text.normalize_utf8(lines, "NFC"))
    assert again.numpy().tolist() == lines


def test_normalised_text_gives_the_ids_that_serving_gives() -> None:
    tokenizer = Tokenizer(Vocabulary((*ENTRIES, "\u00e9", "##\u00e9")))
    texts = ["e\u0301 \u00e9", "b\u0600\u1100\u1161 ae\u0301"]
    normalized = [normalize_text(text).encode() for text in texts]
    assert (
        tokenizer.tokenize_normalized(normalized).to_list()
        == tokenizer.tokenize(texts).to_list()
        == [[15, 15], [1, 1, 9, 16]]
    )


def test_batches_do_not_change_the_result(
    spec: TokenizerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["a\nab", "한", "ab\n한국\na", "a"]
    expected = tokenize(spec, *texts)
    monkeypatch.setattr(tokenization, "BATCH_LINES", 2)
    assert tokenize(spec, *texts) == expected
    assert [len(lines) for lines in expected] == [2, 1, 3, 1]


def test_tokenizer_is_built_once_per_process(spec: TokenizerSpec) -> None:
    assert load_tokenizer(spec) is load_tokenizer(spec)


def test_vocabulary_that_changed_is_refused(spec: TokenizerSpec) -> None:
    Path(spec.vocabulary).write_text(Vocabulary((*ENTRIES, "new")).text(), "utf-8")
    with pytest.raises(ElectraError, match="changed while it was in use"):
        load_tokenizer(spec)


def test_ids_are_int32_and_no_document_gives_none(spec: TokenizerSpec) -> None:
    for texts, count in (([b"a"], 1), ([], 0)):
        documents = tokenize_documents(texts, load_tokenizer(spec))
        assert documents.token_ids.dtype == np.int32
        assert len(documents.document_splits) == count + 1


def test_empty_lines_mark_a_change_of_speaker(spec: TokenizerSpec) -> None:
    documents = tokenize_documents([b"a\n\nb", b"a"], load_tokenizer(spec))
    assert documents.turn_starts is not None
    assert documents.turn_starts.tolist() == [False, True, False, False]
    plain = tokenize_documents([b"a\nb"], load_tokenizer(spec))
    assert plain.turn_starts is None
