"""Small fixtures for all tests; nothing is downloaded or read from outside."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

KOREAN = "가 나 다 라 마 바 사 아 자 차 하 고 노 도 로 모 은 는 이 를 에 한 국 어 말 글"
ENGLISH = "ba be bi co de er fa ing la lo ma ne on pra re sa ta ter un vo"


def make_documents(count: int = 200, seed: int = 0) -> list[str]:
    """Makes documents of made-up Korean and English sentences, one a line."""
    choose = random.Random(seed)
    words = {
        language: [
            "".join(choose.choices(syllables.split(), k=choose.randint(1, 4)))
            for _ in range(300)
        ]
        for language, syllables in (("ko", KOREAN), ("en", ENGLISH))
    }
    documents = []
    for index in range(count):
        language = "ko" if index % 2 else "en"
        sentences = [
            " ".join(choose.choices(words[language], k=choose.randint(3, 12)))
            + choose.choice([".", "!", "?", " 👍", " ㅋㅋ"])
            for _ in range(choose.randint(1, 14))
        ]
        documents.append("\n".join(sentences))
    return documents


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of two text files, 200 documents: `a.txt` and `b.txt`."""
    folder = tmp_path_factory.mktemp("corpus")
    documents = make_documents()
    for name, part in (("a.txt", documents[:120]), ("b.txt", documents[120:])):
        (folder / name).write_text("\n\n".join(part) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def vocabulary_file(
    corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A `vocab.txt` of 400 entries, learned from `corpus_folder`."""
    from beam_pipelines.build_vocabulary import main

    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    code = main(
        [f"--input={corpus_folder}/*.txt", f"--output={path}", "--vocabulary_size=400"]
    )
    assert code == 0
    return path
