"""Raw documents in, clean ones out: all stages of text in their order.

Reads through `readers/`, feeds `reading.py`:

    read -> decode -> normalise, clean, scrub, split sentences -> filter
         -> decontaminate

A batch is some megabyte of text, joined by NUL, so that every stage runs over
many documents at once. A document that is left out is counted and written
aside with its reason.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import compress
from typing import NamedTuple

from beam_pipelines import filters
from beam_pipelines.cleaning.normalization import (
    decode,
    join_documents,
    normalize_text,
    split_documents,
    tidy_lines,
)
from beam_pipelines.cleaning.personal_data import scrub
from beam_pipelines.cleaning.presets import PRESETS
from beam_pipelines.config import DataConfig, InputConfig
from beam_pipelines.document_ids import DocumentIds
from beam_pipelines.document_profile import PERSONAL_DATA, DocumentProfile, Step
from beam_pipelines.evaluation_files import cut_lines, load_index
from beam_pipelines.raw_documents import RawDocument
from beam_pipelines.readers.dispatch import read_documents
from beam_pipelines.rejected import RejectedDocuments
from beam_pipelines.sentences import split_sentences
from beam_pipelines.sources import FileRange
from beam_pipelines.word_lists import load_words
from electra_keras.errors import ElectraError

BATCH_BYTES = 2**20
# Where nothing is filtered, measures are for the report alone: one batch of so
# many is enough for its pictures, and they cost as much as the tokenizer does.
MEASURE_EVERY_BATCHES = 8
# The stages whose counts are kept, with their names.
STAGES = (
    ("read", "documents_read", "read_bytes"),
    ("clean", "documents_clean", "clean_bytes"),
    ("filter", "documents_filtered", "filtered_bytes"),
    ("decontaminate", "documents_prepared", "text_bytes"),
)


class Batch(NamedTuple):
    """Some documents of one range, clean.

    Attributes:
        texts: UTF-8; lines stripped, none empty but at a change of speaker.
        offsets: Where each starts in its file.
    """

    texts: list[bytes]
    offsets: list[int]


class DocumentPreparation:
    """Reads one range and prepares its documents.

    Args:
        part: The range.
        config: Of the job.
        decontamination_index: Path of the index, or "".
        limit: Most documents to read; None: all.

    Attributes:
        counts: Documents and bytes by stage.
        rejected: What was left out.
        ids: Of all documents, where the input has a key of them.
        profile: Measures for the report.
        personal_data: Places scrubbed, by kind.
        overlap_rows: Rows of evaluation files that were found.
        overlap_documents: By evaluation file, documents that share something.
    """

    def __init__(
        self,
        part: FileRange,
        config: DataConfig,
        *,
        decontamination_index: str = "",
        limit: int | None = None,
    ) -> None:
        self._part = part
        self._config = config
        self._input: InputConfig = config.inputs[part.file.input_index]
        self._index = decontamination_index
        self._limit = limit
        self.counts: Counter[str] = Counter()
        self.rejected = RejectedDocuments(scrubs=config.clean.personal_data == "scrub")
        self.ids = DocumentIds(part.file.input_index)
        self.profile = DocumentProfile(part.file.path)
        self.personal_data: Counter[str] = Counter()
        self.overlap_rows: set[int] = set()
        self.overlap_documents: Counter[int] = Counter()
        # Read for every range: a worker may live on while the lists change.
        self._blocked = load_words(config.filters.blocked_words_file)
        self._required = load_words(config.filters.required_words_file)
        self._filters = config.filters != filters.FilterConfig()
        self._batches = 0
        self._policy = config.clean.split_sentences
        self._splits = self._policy == "always" or (
            self._policy == "auto" and part.file.format != "text"
        )

    def batches(self) -> Iterator[Batch]:
        """Reads and prepares.

        Yields:
            Batches with at least one document.

        Raises:
            ElectraError: A file is damaged, or holds malformed UTF-8 where
                that is to fail.
        """
        documents: list[RawDocument] = []
        size_bytes = 0
        for document in self._read():
            documents.append(document)
            size_bytes += len(document.text)
            if size_bytes >= BATCH_BYTES:
                yield from self._prepare(documents)
                documents, size_bytes = [], 0
        if documents:
            yield from self._prepare(documents)

    def _read(self) -> Iterator[RawDocument]:
        max_bytes = self._config.read.max_document_bytes
        for number, document in enumerate(
            read_documents(self._part, self._input, max_document_bytes=max_bytes)
        ):
            if number == self._limit:
                return
            yield document

    def _prepare(self, documents: list[RawDocument]) -> Iterator[Batch]:
        self.counts["documents_read"] += len(documents)
        self.counts["read_bytes"] += sum(len(d.text) for d in documents)
        if self._input.id_key:
            self.ids.add(document.id for document in documents)
        readable, texts = self._decode(documents)
        if not texts:
            return
        text = self._clean(texts, readable)
        text = self._drop_empty(text, readable)
        text, filtered_bytes = self._filter(text, readable)
        text, cut_bytes = self._decontaminate(text, readable)
        encoded = text.encode("utf-8").split(b"\0") if readable else []
        size_bytes = sum(map(len, encoded))
        # Sizes are counted backwards: the whole text is encoded but once.
        self.counts["documents_prepared"] += len(readable)
        self.counts["text_bytes"] += size_bytes
        self.counts["filtered_bytes"] += size_bytes + cut_bytes
        self.counts["clean_bytes"] += size_bytes + cut_bytes + filtered_bytes
        if readable:
            yield Batch(encoded, [document.offset for document in readable])

    def _decode(
        self, documents: list[RawDocument]
    ) -> tuple[list[RawDocument], list[str]]:
        """Rejects what cannot be read, and decodes the rest."""
        readable = self._drop(
            documents, {n: d.problem for n, d in enumerate(documents) if d.problem}
        )
        try:
            decoded, malformed = decode(
                [document.text for document in readable],
                self._config.read.malformed_utf8,
            )
        except ElectraError as error:
            raise ElectraError(
                f"{self._part.file.path} with {error.received}",
                expected=error.expected,
                fix=error.fix,
            ) from error
        self.counts["documents_malformed"] += malformed
        skipped = {n: "malformed_utf8" for n, t in enumerate(decoded) if t is None}
        readable = self._drop(readable, skipped)
        texts = [text for text in decoded if text is not None]
        self.counts["documents_readable"] += len(readable)
        return readable, texts

    def _drop(
        self, documents: list[RawDocument], reasons: dict[int, str]
    ) -> list[RawDocument]:
        """Rejects documents by number; returns the others."""
        for number, reason in reasons.items():
            self._reject(documents[number], reason, documents[number].text)
        if not reasons:
            return documents
        return [d for number, d in enumerate(documents) if number not in reasons]

    def _reject(self, document: RawDocument, reason: str, text: bytes) -> None:
        self.rejected.add(
            reason,
            source=self._part.file.path,
            offset=document.offset,
            text=text,
            id=document.id,
            is_raw=text is document.text,
        )

    def _clean(self, texts: list[str], documents: list[RawDocument]) -> str:
        """Normalises, cleans, scrubs, splits; returns the texts joined."""
        config = self._config.clean
        before = join_documents(texts)
        text = normalize_text(before)
        steps = [Step("normalise", before, text)]
        if config.preset != "raw":
            before, text = text, PRESETS[config.preset].clean(text)
            steps.append(Step(f"clean:{config.preset}", before, text))
        if config.personal_data == "scrub":
            before, (text, kinds) = text, scrub(text)
            self.personal_data.update(kinds)
            steps.append(Step(PERSONAL_DATA, before, text))
        if self._splits:
            before, text = text, split_sentences(text)
            steps.append(Step("sentences", before, text))
        self.profile.note_changes(steps, [document.offset for document in documents])
        # A mark may stand after another letter now that something between is gone.
        if not unicodedata.is_normalized("NFC", text):
            text = normalize_text(text)
        return tidy_lines(text)

    def _drop_empty(self, text: str, documents: list[RawDocument]) -> str:
        """Rejects documents of which cleaning left nothing."""
        texts = split_documents(text, len(documents), "cleaning")
        if not all(texts):
            text = self._keep(documents, texts, [bool(text) for text in texts], "empty")
        self.counts["documents_clean"] += len(documents)
        return text

    def _keep(
        self,
        documents: list[RawDocument],
        texts: list[str],
        is_kept: list[bool],
        reasons: str | list[str],
    ) -> str:
        """Keeps some documents, in place, and rejects the others."""
        for number, document in enumerate(documents):
            if not is_kept[number]:
                reason = reasons if isinstance(reasons, str) else reasons[number]
                text = texts[number].encode("utf-8") or document.text
                self._reject(document, reason, text)
        documents[:] = [d for d, keep in zip(documents, is_kept, strict=True) if keep]
        return "\0".join(t for t, keep in zip(texts, is_kept, strict=True) if keep)

    def _filter(self, text: str, documents: list[RawDocument]) -> tuple[str, int]:
        """Measures documents, and rejects those beyond the limits.

        Returns:
            The text that is left, and the bytes that are not.
        """
        if not documents:
            return text, 0
        self._batches += 1
        size_bytes = 0
        if self._filters or self._batches % MEASURE_EVERY_BATCHES == 1:
            text, size_bytes = self._measure(text, documents)
        self.counts["documents_filtered"] += len(documents)
        return text, size_bytes

    def _measure(self, text: str, documents: list[RawDocument]) -> tuple[str, int]:
        measures = filters.measure(text, blocked=self._blocked, required=self._required)
        self.profile.add(measures)
        self.counts["documents_measured"] += len(documents)
        reasons = filters.reject(measures, self._config.filters)
        is_kept = reasons == ""
        if is_kept.all():
            return text, 0
        texts = text.split("\0")
        size_bytes = _utf8_bytes(compress(texts, ~is_kept))
        text = self._keep(documents, texts, is_kept.tolist(), reasons.tolist())
        return text, size_bytes

    def _decontaminate(
        self, text: str, documents: list[RawDocument]
    ) -> tuple[str, int]:
        """Cuts lines that stand in evaluation files; returns as `_filter` does."""
        if not (documents and self._index):
            return text, 0
        cut = cut_lines(text, load_index(self._index))
        self.counts["lines_cut"] += cut.lines
        self.overlap_rows.update(cut.rows)
        for number, count in enumerate(cut.file_documents):
            self.overlap_documents[number] += count
        if not cut.lines:
            return text, 0
        before, texts = text.split("\0"), cut.text.split("\0")
        is_cut = [old != new for old, new in zip(before, texts, strict=True)]
        size_bytes = _utf8_bytes(compress(before, is_cut))
        size_bytes -= _utf8_bytes(compress(texts, is_cut))
        if all(texts):
            return cut.text, size_bytes
        # What was cut whole is written aside as it was.
        shown = [left or old for left, old in zip(texts, before, strict=True)]
        is_kept = [bool(left) for left in texts]
        return self._keep(documents, shown, is_kept, "contaminated"), size_bytes


def _utf8_bytes(texts: Iterable[str]) -> int:
    return sum(len(text.encode("utf-8")) for text in texts)
