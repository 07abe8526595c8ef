"""Small fixtures for all tests; nothing is downloaded or read from outside."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from electra_keras.config import ExperimentConfig, ModelConfig

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


# Forty entries: five specials, one unused, 34 words.
TINY_ENTRIES = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]"),
    *"가나다라마바사아자차카타파하",
    *("##가", "##나"),
    *"abcdefghijklmnop.!",
)
FIRST_WORD_ID = 6
WORDS = len(TINY_ENTRIES) - FIRST_WORD_ID


def make_row(number: int) -> tuple[list[int], int]:
    """Makes the row of a number: its ids and the tokens of its first segment.

    The first two words are the number's digits to base 34, so that every row
    is another; the rest counts the words up, which is easy to learn. Every
    third row has two segments, every seventh ends with an [UNK].
    """
    words = [FIRST_WORD_ID + digit for digit in divmod(number, WORDS)]
    start = number * 5
    words += [FIRST_WORD_ID + (start + i) % WORDS for i in range(1 + number % 11)]
    if number % 7 == 0:
        words[-1] = 1
    if number % 3:
        return [2, *words, 3], len(words) + 2
    return [2, *words[:2], 3, *words[2:], 3], 4


@dataclasses.dataclass(frozen=True)
class DataFolderMaker:
    """Writes whole data folders without Beam."""

    folder: Path

    def __call__(
        self,
        name: str = "data",
        *,
        train: Sequence[int] = (120, 70, 110),
        validation: Sequence[int] = (45,),
        entries: Sequence[str] = TINY_ENTRIES,
        sequence_length: int = 16,
        first_number: int = 0,
    ) -> Path:
        """Writes a folder whose rows are `make_row` of 0, 1, 2..."""
        import tensorflow as tf

        from electra_keras.data import features, info
        from electra_keras.data.vocabulary import TokenizerConfig, Vocabulary

        folder = self.folder / name
        folder.mkdir(parents=True)
        number = first_number
        splits = {}
        for split, sizes in (("train", train), ("validation", validation)):
            shards = []
            for place, size in enumerate(sizes):
                file = f"{split}-{place:05d}-of-{len(sizes):05d}.tfrecord.gz"
                tokens = 0
                with tf.io.TFRecordWriter(str(folder / file), "GZIP") as writer:
                    for _ in range(size):
                        ids, first = make_row(number)
                        writer.write(features.encode_example(ids, first))
                        tokens += len(ids)
                        number += 1
                data = (folder / file).read_bytes()
                digest = hashlib.sha256(data).hexdigest()
                shards.append(info.ShardInfo(file, size, tokens, len(data), digest))
            splits[split] = tuple(shards)
        vocabulary = Vocabulary(tuple(entries))
        about = info.DatasetInfo(
            sequence_length=sequence_length,
            vocabulary_size=len(vocabulary),
            vocabulary_sha256=vocabulary.sha256,
            special_token_ids=vocabulary.special_token_ids,
            tokenizer=TokenizerConfig(),
            token_ids_dtype="uint16",
            compression="GZIP",
            splits=splits,
        )
        (folder / info.VOCABULARY_FILE).write_text(vocabulary.text(), "utf-8")
        (folder / info.INFO_FILE).write_text(about.to_json(), "utf-8")
        (folder / info.COMPLETED_FILE).write_text("")
        return folder


@pytest.fixture
def make_data_folder(tmp_path: Path) -> DataFolderMaker:
    """Writes a data folder of the test's own, to be damaged at will."""
    return DataFolderMaker(tmp_path)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole data folder of 300 + 45 examples of at most 16 tokens; read only."""
    return DataFolderMaker(tmp_path_factory.mktemp("tiny"))()


@pytest.fixture(scope="session")
def row_of() -> Callable[[int], tuple[list[int], int]]:
    """`make_row`, for tests that compare with the rows of `data_folder`."""
    return make_row


@pytest.fixture(scope="session")
def tiny_model() -> ModelConfig:
    """Networks that build and run in no time; all widths differ."""
    from electra_keras.config import ModelConfig

    return ModelConfig(
        vocabulary_size=len(TINY_ENTRIES),
        max_sequence_length=16,
        embedding_dim=16,
        hidden_dim=32,
        num_layers=2,
        num_heads=2,
        generator_hidden_dim=24,
        generator_num_layers=1,
        dropout_rate=0.0,
        attention_dropout_rate=0.0,
    )


@pytest.fixture(scope="session")
def tiny_config(tiny_model: ModelConfig) -> ExperimentConfig:
    """A run of 9 steps, whose windows, evaluations and checkpoints are uneven."""
    from electra_keras.config import DataConfig, ExperimentConfig, TrainConfig

    return ExperimentConfig(
        dataclasses.replace(tiny_model, dropout_rate=0.1, vocabulary_size=None),
        DataConfig(),
        TrainConfig(
            train_steps=9,
            global_batch_size=8,
            learning_rate=3e-3,
            log_every_steps=2,
            evaluate_every_steps=4,
            evaluate_examples=20,
            checkpoint_every_steps=3,
            kept_checkpoints=3,
        ),
    )


@pytest.fixture(scope="session")
def run_folder(
    data_folder: Path,
    tiny_config: ExperimentConfig,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A run of `tiny_config` on `data_folder`, finished; read only."""
    from electra_keras.training.run import train

    folder = tmp_path_factory.mktemp("run") / "run"
    train(tiny_config, data_folder, folder)
    return folder


@pytest.fixture(scope="session")
def probe_task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task for a probe of `data_folder`'s runs: 60 + 20 texts, one of them empty.

    Of the labels "good", which texts with 나 have, and "bad", which those with 가
    have, three of five are "bad".
    """
    folder = tmp_path_factory.mktemp("task")
    words = "다라마바사아자차카타파하"
    for split, count in (("train", 60), ("validation", 20)):
        lines = ["text\tlabel"]
        for row in range(count):
            label, sign = ("good", "나") if row % 5 < 2 else ("bad", "가")
            rest = " ".join(words[(row + i) % len(words)] for i in range(row % 4))
            lines.append(f"{sign} {sign} {rest}\t{label}")
        lines += ["\tgood"] if split == "train" else []
        (folder / f"{split}.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    path = folder / "task.yaml"
    path.write_text(
        f"files:\n  train: {folder}/train.tsv\n  validation: {folder}/validation.tsv\n"
        "columns: {text: text, label: label}\n"
    )
    return path


@pytest.fixture(scope="session")
def chatbot_folder(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chatbot of two seeds, tuned from `run_folder` for 160 questions; read only."""
    from retrieval_fixtures import quick_config, write_pairs

    from electra_keras.finetuning.retrieval.chatbot_folder import tune_chatbot

    folder = tmp_path_factory.mktemp("chatbot")
    pairs = write_pairs(folder / "given.csv")
    tune_chatbot(pairs, run_folder, folder / "bot", quick_config(seed=3, trials=2))
    return folder / "bot"


@pytest.fixture(scope="session")
def two_cpus() -> str:
    """Code that a process of its own begins with: two devices on any machine."""
    return """
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
halves = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, halves)
"""


def send_signal(patch: pytest.MonkeyPatch, step: int, number: signal.Signals) -> None:
    """Makes runs send their own process a signal when a step is done."""
    from electra_keras.training import saver

    class Signalling(saver.Saver):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.pretrainer.global_step == step:
                os.kill(os.getpid(), number)
            super().on_train_batch_end(batch, logs)

    patch.setattr("electra_keras.training.run.Saver", Signalling)


@pytest.fixture(name="send_signal", scope="session")
def send_signal_fixture() -> Callable[..., None]:
    """`send_signal`, for tests of runs that are stopped."""
    return send_signal
