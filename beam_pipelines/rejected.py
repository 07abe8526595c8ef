"""Documents that were left out, written aside with the reason.

Used by every station that rejects: `rejected/NAME.jsonl.gz`, one line each, so
that nothing disappears without a trace.
"""

from __future__ import annotations

import json
from collections import Counter

from beam_pipelines import storage
from beam_pipelines.records import make_compressor

FOLDER = "rejected"
MAX_CHARACTERS = 1000  # Of a document's text; source and offset tell the rest.
_SAMPLES = 3
_BATCH_LINES = 4096  # That are held before they are compressed.


class RejectedDocuments:
    """Collects the rejections of one unit of work.

    Attributes:
        counts: Documents by reason.
        samples: The first few of each reason, as written.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.samples: list[dict[str, object]] = []
        self._lines: list[bytes] = []
        self._compressor = make_compressor()
        self._blocks: list[bytes] = []

    def add(
        self, reason: str, *, source: str, offset: int, text: bytes, id: str = ""
    ) -> None:
        """Rejects a document.

        Args:
            reason: One word, such as "json_invalid".
            source: Path of its file.
            offset: Where it starts there.
            text: UTF-8, perhaps malformed.
            id: Its name in the source, if any.
        """
        self.counts[reason] += 1
        line = {
            "reason": reason,
            "source": source,
            "offset": offset,
            "id": id,
            "text": text[: 4 * MAX_CHARACTERS].decode("utf-8", "replace")[
                :MAX_CHARACTERS
            ],
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
