"""The entries of a `vocab.txt` and the settings of the tokenizer, in plain Python.

Read by everything that knows ids; needs no TensorFlow, so a job can be planned
and submitted without it. `tokenizer.py` turns text into these entries.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from electra_keras.errors import UsageError

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL_TOKENS = (PAD, UNK, CLS, SEP, MASK)


def token_ids_dtype(vocabulary_size: int) -> str:
    """Returns the smallest dtype that a record needs: "uint16" or "int32"."""
    return "uint16" if vocabulary_size <= 2**16 else "int32"


@dataclasses.dataclass(frozen=True)
class TokenizerConfig:
    """How text becomes word pieces; stored in `info.json` and the SavedModel.

    Attributes:
        lower_case: Lower-case and strip accents (NFD). Breaks Hangul into
            jamo, so it is refused for a vocabulary that holds Hangul.
        max_bytes_per_word: UTF-8 bytes; a longer word becomes [UNK]. 300 is
            100 Hangul syllables, Hugging Face's limit; the op's own default
            of 100 turns unspaced Korean words of 34 syllables into [UNK].
    """

    lower_case: bool = False
    max_bytes_per_word: int = 300


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The entries of a `vocab.txt`, in order, with the ids of the specials."""

    entries: tuple[str, ...]

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Reads one entry a line.

        Raises:
            UsageError: The file is missing or not UTF-8, lacks a special
                token, or holds an entry twice.
        """
        path = Path(path)
        if not path.is_file():
            raise UsageError(
                f"no vocabulary file at {path}",
                expected="a text file with one word piece a line",
                fix="Build one with python -m beam_pipelines.build_vocabulary.",
            )
        return cls.parse(path.read_bytes(), str(path))

    @classmethod
    def parse(cls, data: bytes, name: str) -> Vocabulary:
        """Reads the content of a file, as `load`.

        Args:
            data: One entry a line.
            name: Of the file, for errors.

        Raises:
            UsageError: As `load`.
        """
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{name} is not UTF-8 at byte {error.start}",
                expected="a text file with one word piece a line",
                fix="Re-encode it or build it again.",
            ) from None
        lines = [line.rstrip("\r") for line in text.split("\n")]
        if not lines[-1]:  # After a final newline, which not every file has.
            lines.pop()
        vocabulary = cls(tuple(lines))
        vocabulary._check(name)
        return vocabulary

    def _check(self, name: str) -> None:
        ids = self.ids
        missing = [token for token in SPECIAL_TOKENS if token not in ids]
        if missing:
            raise UsageError(
                f"{name} lacks {', '.join(missing)}",
                expected=f"every one of {', '.join(SPECIAL_TOKENS)}",
                fix="Add them, or build a vocabulary with build_vocabulary.",
            )
        if ids[PAD] != 0 or "" in ids:
            wrong = "an empty line" if "" in ids else f"[PAD] at line {ids[PAD] + 1}"
            raise UsageError(
                f"{name} has {wrong}",
                expected="[PAD] in the first line, and an entry in every line",
                fix="Mend it, or build a vocabulary with build_vocabulary.",
            )
        if len(ids) != len(self.entries):
            twice = next(e for i, e in enumerate(self.entries) if ids[e] != i)
            raise UsageError(
                f"{name} holds {twice!r} twice",
                expected="each entry once, one a line",
                fix="Remove the second one.",
            )

    @property
    def ids(self) -> dict[str, int]:
        """Id by entry."""
        return {entry: index for index, entry in enumerate(self.entries)}

    @property
    def special_token_ids(self) -> dict[str, int]:
        """Id of each of [PAD] [UNK] [CLS] [SEP] [MASK], by name."""
        ids = self.ids
        return {token: ids[token] for token in SPECIAL_TOKENS}

    @property
    def unsampled_token_ids(self) -> tuple[int, ...]:
        """Ids that the generator never samples: specials and [unused…]."""
        return tuple(
            index
            for index, entry in enumerate(self.entries)
            if entry in SPECIAL_TOKENS or entry.startswith("[unused")
        )

    @property
    def sha256(self) -> str:
        """Hash of the entries, whatever the file's line ends."""
        return hashlib.sha256("\n".join(self.entries).encode()).hexdigest()

    def text(self) -> str:
        """Returns what `vocab.txt` holds."""
        return "".join(entry + "\n" for entry in self.entries)

    def __len__(self) -> int:
        return len(self.entries)
