"""Documents that were left out, written aside with the reason.

Used by every station that rejects: `rejected/NAME.jsonl.gz`, one line each, so
that nothing disappears without a trace.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from beam_pipelines import storage
from beam_pipelines.cleaning.normalization import normalize_text
from beam_pipelines.cleaning.personal_data import scrub
from beam_pipelines.config import ReadConfig
from beam_pipelines.records import make_compressor
from electra_keras.errors import UsageError

FOLDER = "rejected"
# What a reader rejects since it cannot be read; not a matter of taste.
UNREADABLE = frozenset(
    {
        "too_large",
        "json_invalid",
        "text_missing",
        "text_not_string",
        "turns_missing",
        "turn_invalid",
        "column_missing",
        "csv_invalid",
    }
)
MAX_CHARACTERS = 1000  # Of a document's text; source and offset tell the rest.
_SAMPLES = 3
_BATCH_LINES = 4096  # That are held before they are compressed.


class RejectedDocuments:
    """Collects the rejections of one unit of work.

    Args:
        scrubs: Replace personal data, in ids and in texts that are raw.

    Attributes:
        counts: Documents by reason.
        samples: The first few of each reason, as written.
    """

    def __init__(self, *, scrubs: bool = False) -> None:
        self._scrubs = scrubs
        self.counts: Counter[str] = Counter()
        self.samples: list[dict[str, object]] = []
        self._lines: list[bytes] = []
        self._compressor = make_compressor()
        self._blocks: list[bytes] = []

    def add(
        self,
        reason: str,
        *,
        source: str,
        offset: int,
        text: bytes,
        id: str = "",
        is_raw: bool = False,
    ) -> None:
        """Rejects a document.

        Args:
            reason: One word, such as "json_invalid".
            source: Path of its file.
            offset: Where it starts there.
            text: UTF-8, perhaps malformed.
            id: Its name in the source, if any.
            is_raw: Whether the text is as it was read, not cleaned.
        """
        self.counts[reason] += 1
        if self._scrubs and is_raw:
            # All of it, since the cut may go through a number.
            whole = normalize_text(text.decode("utf-8", "replace"))
            shown = scrub(whole)[0][:MAX_CHARACTERS]
        else:
            start = text[: 4 * MAX_CHARACTERS].decode("utf-8", "replace")
            shown = start[:MAX_CHARACTERS]
        line = {
            "reason": reason,
            "source": source,
            "offset": offset,
            "id": scrub(id)[0] if id and self._scrubs else id,
            "text": shown,
        }
        if self.counts[reason] <= _SAMPLES:
            self.samples.append(line)
        self._lines.append(_to_line(line))
        if len(self._lines) == _BATCH_LINES:
            self._compress()

    def _compress(self) -> None:
        """Makes room: all of a compressed file, one unit, may be rejected."""
        self._blocks.append(self._compressor.compress(b"".join(self._lines)))
        self._lines.clear()

    def write(self, folder: str, name: str) -> list[list[object]]:
        """Writes what was collected, if anything.

        Returns:
            The file as `jobs.Task` wants it: [[path below folder, bytes,
            sha256]], or [].
        """
        if not self.counts:
            return []
        self._compress()
        storage.make_folder(storage.join(folder, FOLDER))
        path = storage.join(FOLDER, f"{name}.jsonl.gz")
        blocks = [*self._blocks, self._compressor.flush()]
        size_bytes, sha256 = storage.write_file(storage.join(folder, path), blocks)
        return [[path, size_bytes, sha256]]


def _to_line(line: dict[str, object]) -> bytes:
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    return (text + "\n").encode("utf-8", "replace")


def check_readable(
    counts: Mapping[str, int], rejected: Mapping[str, int], config: ReadConfig
) -> None:
    """Checks that the input is what the settings take it for.

    Args:
        counts: Of the readers: "documents_read", "documents_malformed".
        rejected: Documents by reason.
        config: The limits.

    Raises:
        UsageError: Too many documents cannot be read, or are not UTF-8.
    """
    documents = counts["documents_read"]
    bad = {reason: n for reason, n in rejected.items() if reason in UNREADABLE}
    if bad and sum(bad.values()) > config.max_unreadable_rate * documents:
        listed = ", ".join(f"{count:,} {reason}" for reason, count in bad.items())
        raise UsageError(
            f"{sum(bad.values()):,} of {documents:,} documents that cannot be read "
            f"({listed})",
            expected=f"at most a fraction of {config.max_unreadable_rate:g}",
            fix="Check the format and the keys of the input, or pass "
            "--set read.max_unreadable_rate=1.",
        )
    malformed = counts["documents_malformed"]
    if malformed > config.max_malformed_rate * documents:
        raise UsageError(
            f"{malformed:,} of {documents:,} documents with bytes that are not UTF-8",
            expected=f"at most a fraction of {config.max_malformed_rate:g}",
            fix="Convert the files, for example with iconv -f CP949 -t UTF-8, or pass "
            "--set read.max_malformed_rate=1.",
        )
