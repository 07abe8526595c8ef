"""The folder of a chatbot: made by training, read back for answers and figures.

Joins the other files of this room with a pre-trained model; `chatbot.py` and
`retrieval_comparison.py` read it.

| file              | what                                                     |
|-------------------|----------------------------------------------------------|
| `chatbot.json`    | every setting, and which model was tuned                 |
| `vocab.txt`       | its word pieces                                          |
| `pairs.*`         | the questions and answers, as they were given            |
| `trial-<seed>/`   | checkpoints, curves, logs of a seed                      |
| `evaluation.json` | figures of held-out questions                            |
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import keras

from electra_keras.data.info import VOCABULARY_FILE
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.retrieval.chat_pairs import read_chat_pairs
from electra_keras.finetuning.retrieval.chat_vectors import EncodedChat
from electra_keras.finetuning.retrieval.contrastive import NETWORK
from electra_keras.finetuning.retrieval.retrieval_config import RetrievalConfig
from electra_keras.finetuning.retrieval.retrieval_trial import (
    RetrievalResult,
    RetrievalTrial,
    read_retrieval_result,
)
from electra_keras.finetuning.retrieval.vector_network import build_vector_network
from electra_keras.finetuning.task_config import (
    ColumnsConfig,
    FilesConfig,
    TrainingConfig,
)
from electra_keras.finetuning.tuned_folder import PretrainedRecord, trial_folder
from electra_keras.interchange.sources import open_pretrained
from electra_keras.training.checkpoints import CheckpointFolder, network_variables
from electra_keras.training.run_folder import CHECKPOINTS_FOLDER
from electra_keras.whole_files import write_bytes, write_text

SETTINGS_FILE = "chatbot.json"


def tune_chatbot(
    pairs: str | Path,
    init_from: str | Path,
    output: str | Path,
    config: RetrievalConfig,
    *,
    checkpoint: str = "latest",
) -> list[RetrievalResult]:
    """Tunes a pre-trained model for retrieval, a trial a seed, or goes on.

    Args:
        pairs: tsv, csv or jsonl of questions, answers and moods.
        init_from: A run, an export, a Hugging Face folder or a TF1 checkpoint.
        output: Folder to make or to go on with.
        config: Of the chatbot; `training.trials` may grow later.
        checkpoint: Of a run: "latest", "best" or a step.

    Raises:
        UsageError: Pairs and settings do not go together, or `output` holds
            something else.
        SystemExit: After SIGTERM; the same call goes on.
        KeyboardInterrupt: After Ctrl-C; so it does then.
    """
    output = Path(output)
    source = open_pretrained(init_from, checkpoint=checkpoint)
    length = min(config.sequence_length, source.sequence_length)
    config = dataclasses.replace(config, sequence_length=length)
    texts = read_chat_pairs(pairs, config)
    finder = PieceFinder(Tokenizer(source.vocabulary, source.tokenizer))
    chat = EncodedChat.of(texts, finder, length)
    data = Path(pairs).read_bytes()
    record = PretrainedRecord.of(source, from_scratch=False)
    settings = _Settings(
        config, record, hashlib.sha256(data).hexdigest(), _copy_name(Path(pairs))
    )
    settings.open(output, source.vocabulary, data)
    for note in (*texts.notes, *chat.notes):
        print(note)
    results = []
    for number in range(config.training.trials):
        seed = config.training.seed + number
        print(f"trial {number + 1} of {config.training.trials}, seed {seed}")
        trial = RetrievalTrial(
            *(config, chat, source),
            seed=seed,
            folder=trial_folder(output, seed),
            fingerprint=settings.pairs_sha256,
        )
        results.append(trial.run())
    return results


def _copy_name(path: Path) -> str:
    return "pairs" + "".join(
        path.suffixes[-2:] if path.suffix == ".gz" else [path.suffix]
    )


@dataclasses.dataclass(frozen=True)
class _Settings:
    """What `chatbot.json` holds.

    Attributes:
        config: Of the chatbot.
        pretrained: The model that was tuned.
        pairs_sha256: Of the file of pairs.
        pairs_file: Name of its copy in the folder.
    """

    config: RetrievalConfig
    pretrained: PretrainedRecord
    pairs_sha256: str
    pairs_file: str

    @classmethod
    def read(cls, folder: Path) -> _Settings:
        values = json.loads((folder / SETTINGS_FILE).read_text("utf-8"))
        config = values["config"]
        return cls(
            RetrievalConfig(
                FilesConfig(**config.pop("files")),
                ColumnsConfig(**config.pop("columns")),
                TrainingConfig(**config.pop("training")),
                **config,
            ),
            PretrainedRecord.from_json(json.dumps(values["pretrained"])),
            values["pairs_sha256"],
            values["pairs_file"],
        )

    def open(self, folder: Path, vocabulary: Vocabulary, data: bytes) -> None:
        """Makes the folder, or checks that it is this very chatbot's."""
        own = {SETTINGS_FILE, VOCABULARY_FILE, self.pairs_file}
        if (folder / SETTINGS_FILE).is_file():
            if _Settings.read(folder)._identity() != self._identity():
                raise UsageError(
                    f"the chatbot in {folder} with other settings, pairs or weights",
                    expected=f"those in its {SETTINGS_FILE}",
                    fix="Call it as before, or choose another --output.",
                )
        elif folder.is_file() or (
            folder.is_dir() and {path.name for path in folder.iterdir()} - own
        ):
            raise UsageError(
                f"{folder} {'is a file' if folder.is_file() else 'holds other files'}",
                expected="a new or empty folder, or a chatbot to go on with",
                fix="Choose another --output.",
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / VOCABULARY_FILE, vocabulary.text())
        write_bytes(folder / self.pairs_file, data)
        # Last: it makes the folder a chatbot.
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)
        write_text(folder / SETTINGS_FILE, text + "\n")

    def _identity(self) -> _Settings:
        """All but where the model lay and how many trials there are."""
        training = dataclasses.replace(self.config.training, trials=1)
        return dataclasses.replace(
            self,
            config=dataclasses.replace(self.config, training=training),
            pretrained=dataclasses.replace(self.pretrained, source=""),
        )


@dataclasses.dataclass(frozen=True)
class ChatbotFolder:
    """A chatbot read back.

    Attributes:
        folder: Where it lies.
        config: Every setting.
        pretrained: The model that was tuned.
        finder: Tokenizes.
        chat: Its texts, encoded.
        results: Of its finished trials, by seed; at least one.
    """

    folder: Path
    config: RetrievalConfig
    pretrained: PretrainedRecord
    finder: PieceFinder
    chat: EncodedChat
    results: list[RetrievalResult]

    @classmethod
    def read(cls, folder: str | Path) -> ChatbotFolder:
        """Reads a folder of `tune_chatbot`.

        Raises:
            UsageError: It is none, or no trial has finished.
        """
        folder = Path(folder)
        if not (folder / SETTINGS_FILE).is_file():
            raise UsageError(
                f"no {SETTINGS_FILE} in {folder}",
                expected="a folder that `train` has made",
                fix="Check the path, or train first.",
            )
        settings = _Settings.read(folder)
        found = map(read_retrieval_result, folder.glob("trial-*"))
        results = sorted((r for r in found if r is not None), key=lambda r: r.seed)
        if not results:
            raise UsageError(
                f"no finished trial in {folder}",
                expected="a training that has come to its end",
                fix="Call `train` again as before: it goes on.",
            )
        vocabulary = Vocabulary.load(folder / VOCABULARY_FILE)
        finder = PieceFinder(Tokenizer(vocabulary, settings.pretrained.tokenizer))
        pairs = read_chat_pairs(folder / settings.pairs_file, settings.config)
        chat = EncodedChat.of(pairs, finder, settings.config.sequence_length)
        return cls(
            *(folder, settings.config, settings.pretrained, finder, chat, results)
        )

    @property
    def best(self) -> RetrievalResult:
        """The trial that did best on validation questions; the first of equals."""
        return max(self.results, key=lambda result: (result.score, -result.seed))

    def load_network(self, seed: int) -> keras.Model:
        """Loads the best weights of a trial."""
        network = build_vector_network(self.pretrained.model, seed=seed)
        path = trial_folder(self.folder, seed) / CHECKPOINTS_FOLDER
        checkpoint = CheckpointFolder(path).choose("best")
        if checkpoint is None:
            raise UsageError(
                f"no checkpoint in {path}",
                expected="the weights of a finished trial",
                fix="Train into another folder.",
            )
        checkpoint.restore(network_variables({NETWORK: network}))
        return network
