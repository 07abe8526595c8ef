"""The quick start's default corpus: no download, English and Korean.

English: Python's own language reference, which every Python ships in
`pydoc_data.topics`, and dialogues written for this project (CC0). Korean:
dialogues written for this project (CC0).
"""

from __future__ import annotations

import pydoc_data.topics
import re
from pathlib import Path

DIALOGUES = Path(__file__).parent / "corpus"


def write_corpus(folder: Path) -> str:
    """Writes the corpus as text files, a blank line between documents.

    Returns:
        The pattern that matches the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    topics = "\n\n".join(map(topic_document, pydoc_data.topics.topics.values()))
    (folder / "python_reference.txt").write_text(topics + "\n", encoding="utf-8")
    for source in sorted(DIALOGUES.glob("*.txt")):
        (folder / source.name).write_bytes(source.read_bytes())
    return f"{folder}/*.txt"


def topic_document(topic: str) -> str:
    """Turns a wrapped help page into one paragraph a line, no blank lines."""
    paragraphs = re.split(r"\n\s*\n", topic)
    lines = (" ".join(paragraph.split()) for paragraph in paragraphs)
    # Lines of asterisks and dashes are underlines of headings.
    return "\n".join(line for line in lines if re.search(r"\w", line))
