"""Our tokenizer as Transformers' files, and what such files say of theirs.

Writes what `electra_keras/data/tokenizer.py` does in the words of the library
`tokenizers`; feeds `huggingface_export.py` and `sources.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from electra_keras.data.info import VOCABULARY_FILE
from electra_keras.data.vocabulary import (
    CLS,
    MASK,
    PAD,
    SEP,
    UNK,
    TokenizerConfig,
    Vocabulary,
)
from electra_keras.errors import UsageError
from electra_keras.interchange.huggingface_config import read_json

TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
_SPECIAL_NAMES = {
    "unk_token": UNK,
    "sep_token": SEP,
    "pad_token": PAD,
    "cls_token": CLS,
    "mask_token": MASK,
}
# They limit a word by characters, we by bytes; a Hangul syllable has three.
_BYTES_PER_CHARACTER = 3
_IGNORABLE = r"\p{Default_Ignorable_Code_Point}"
_FOLDED = (("ß", "ss"), ("ẞ", "ss"), ("ς", "σ"))
_CONTROL = r"[\p{Cc}\p{Cf}]"


def tokenizer_files(
    vocabulary: Vocabulary, config: TokenizerConfig, sequence_length: int
) -> dict[str, str]:
    """Returns the text of every file of a tokenizer, by name.

    Args:
        vocabulary: The word pieces.
        config: Casing and limits.
        sequence_length: Tokens of the longest rows that were trained;
            Transformers cuts to it where it is asked to cut.
    """
    about = {
        # Not "ElectraTokenizer", which would leave out NFC.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": sequence_length,
        "do_lower_case": config.lower_case,
        "strip_accents": config.lower_case,
        "tokenize_chinese_chars": True,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        **_SPECIAL_NAMES,
    }
    values = {
        TOKENIZER_FILE: _tokenizer_json(vocabulary, config),
        TOKENIZER_CONFIG_FILE: about,
        SPECIAL_TOKENS_FILE: _SPECIAL_NAMES,
    }
    files = {
        name: json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        for name, value in values.items()
    }
    return {VOCABULARY_FILE: vocabulary.text(), **files}


def _tokenizer_json(vocabulary: Vocabulary, config: TokenizerConfig) -> dict[str, Any]:
    ids = vocabulary.special_token_ids
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": index,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for token, index in sorted(ids.items(), key=lambda item: item[1])
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": _normalizers(config.lower_case),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": _post_processor(ids),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False},
        "model": {
            "type": "WordPiece",
            "unk_token": UNK,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": config.max_bytes_per_word
            // _BYTES_PER_CHARACTER,
            "vocab": vocabulary.ids,
        },
    }


def _normalizers(lower_case: bool) -> list[dict[str, Any]]:
    """What is done to text before it is split into words."""

    def replace(kind: str, pattern: str, content: str) -> dict[str, Any]:
        return {"type": "Replace", "pattern": {kind: pattern}, "content": content}

    steps: list[dict[str, Any]] = [{"type": "NFC"}]
    if lower_case:
        # Ours folds as Unicode's NFKC_Casefold does; what remains are letters
        # such as those of Cherokee.
        steps += [{"type": "NFKC"}, replace("Regex", _IGNORABLE, "")]
        steps += [replace("String", *pair) for pair in _FOLDED]
    steps.append(replace("Regex", _CONTROL, " "))
    bert = {
        "type": "BertNormalizer",
        # It would drop control characters, U+FFFD and private use, where we
        # split at the first and keep the others.
        "clean_text": False,
        "handle_chinese_chars": True,
        "strip_accents": lower_case,
        "lowercase": lower_case,
    }
    return [*steps, bert]


def _post_processor(ids: dict[str, int]) -> dict[str, Any]:
    """Frames a text by [CLS] and [SEP], and a pair as the reference does."""

    def special(token: str, segment: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": token, "type_id": segment}}

    def sequence(name: str, segment: int) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": segment}}

    single = [special(CLS, 0), sequence("A", 0), special(SEP, 0)]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, sequence("B", 1), special(SEP, 1)],
        "special_tokens": {
            token: {"id": token, "ids": [ids[token]], "tokens": [token]}
            for token in (CLS, SEP)
        },
    }


def read_vocabulary(folder: Path) -> Vocabulary:
    """Reads `vocab.txt`, or the word pieces in `tokenizer.json`.

    Raises:
        UsageError: Neither is there, or it is no vocabulary of ours.
    """
    if (folder / VOCABULARY_FILE).is_file() or not (folder / TOKENIZER_FILE).is_file():
        return Vocabulary.load(folder / VOCABULARY_FILE)
    path = folder / TOKENIZER_FILE
    model = read_json(path).get("model")
    model = model if isinstance(model, dict) else {}
    ids = model.get("vocab")
    if not isinstance(ids, dict) or model.get("type") != "WordPiece":
        raise UsageError(
            f"{path} has no word pieces",
            expected='a model of type "WordPiece"',
            fix="Put a vocab.txt beside it.",
        )
    if sorted(ids.values()) != list(range(len(ids))):
        raise UsageError(
            f"{path} does not number its {len(ids):,} word pieces from 0 on",
            expected="each number once",
            fix="Put a vocab.txt beside it.",
        )
    entries = sorted(ids, key=ids.__getitem__)
    return Vocabulary.parse("\n".join(entries).encode(), str(path))


def read_tokenizer_config(folder: Path) -> tuple[TokenizerConfig, int | None]:
    """Reads what a folder says of its tokenizer.

    Returns:
        Casing, which is ours where no file tells, and the longest row.
    """
    path = folder / TOKENIZER_CONFIG_FILE
    values = read_json(path) if path.is_file() else {}
    length = values.get("model_max_length")
    return (
        TokenizerConfig(lower_case=bool(values.get("do_lower_case", False))),
        length if type(length) is int and 2 < length < 2**31 else None,
    )
