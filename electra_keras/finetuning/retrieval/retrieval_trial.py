"""One seed of a chatbot's network, tuned and resumed where it stopped.

Joins `chat_vectors.py`, `vector_network.py` and `contrastive.py` with the training
of `training/`, as `trial.py` does for tasks; feeds `chatbot_folder.py`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import keras

from electra_keras.finetuning.batches import TaskBatches
from electra_keras.finetuning.resumable_fit import fit_resumably, restore_best
from electra_keras.finetuning.retrieval.chat_vectors import ChatVectors, EncodedChat
from electra_keras.finetuning.retrieval.contrastive import ContrastiveObjective
from electra_keras.finetuning.retrieval.ranking import QUESTIONS
from electra_keras.finetuning.retrieval.retrieval_config import RetrievalConfig
from electra_keras.finetuning.retrieval.vector_network import (
    build_vector_network,
    make_vector_function,
)
from electra_keras.finetuning.schedule import make_run_config
from electra_keras.finetuning.task_network import fill_encoder, with_dropout
from electra_keras.finetuning.task_optimizer import (
    find_layer_rates,
    make_task_optimizer,
)
from electra_keras.finetuning.trial import FIGURES_FILE
from electra_keras.finetuning.tuner import Tuner
from electra_keras.interchange.sources import Pretrained
from electra_keras.training.curves import draw_curves
from electra_keras.training.precision import dtype_policy
from electra_keras.training.strategies import make_strategy
from electra_keras.whole_files import write_text


class RetrievalTuner(Tuner):
    """Trains the network; evaluations rank answers of validation questions.

    Args:
        objective: Contrastive.
        network: Its network.
        chat: All texts.
        seed: Of dropout.
    """

    def __init__(
        self,
        objective: ContrastiveObjective,
        network: keras.Model,
        chat: EncodedChat,
        seed: int,
    ) -> None:
        super().__init__(objective, seed=seed)
        self._chat = chat
        self._give = make_vector_function(network)

    def measure_validation(self) -> dict[str, float]:
        """Measures all routes; `task_score` is the MRR of that by questions."""
        pairs = self._chat.pairs
        vectors = ChatVectors.given_by(self._give, self._chat)
        figures = vectors.measure(pairs, "validation")
        told = {
            f"{route}_{name}": value
            for route, found in figures.items()
            for name, value in found.items()
        }
        return {"task_score": figures[QUESTIONS]["mrr"], **told}


@dataclasses.dataclass(frozen=True)
class RetrievalResult:
    """What a trial came to.

    Attributes:
        seed: That tells it from other trials.
        step: Of its best weights by validation questions.
        score: MRR of the route by questions, on these.
        train_secs: Seconds of training, without evaluations.
    """

    seed: int
    step: int
    score: float
    train_secs: float


class RetrievalTrial:
    """Tunes a network with one seed.

    Args:
        config: Of the chatbot.
        chat: All texts.
        source: The pre-trained model.
        seed: Of rings of questions, order, and dropout.
        folder: Of the trial; absent, or this very trial's.
        fingerprint: Of the file of pairs.
    """

    def __init__(
        self,
        config: RetrievalConfig,
        chat: EncodedChat,
        source: Pretrained,
        *,
        seed: int,
        folder: Path,
        fingerprint: str,
    ) -> None:
        self.config = config
        self.chat = chat
        self.source = source
        self.seed = seed
        self.folder = folder
        self._fingerprint = fingerprint
        self._maker = chat.positives(config.training.batch_size, seed)
        model = with_dropout(source.model, config.training.dropout_rate)
        self.run_config = make_run_config(
            config.as_task, model, self._maker.batches, seed
        )

    def run(self) -> RetrievalResult:
        """Trains to the end; of a finished trial what is known is only read.

        Raises:
            SystemExit: After SIGTERM; the same call goes on.
            KeyboardInterrupt: After Ctrl-C; so it does then.
        """
        known = read_retrieval_result(self.folder)
        if known is not None:
            return known
        self.folder.mkdir(parents=True, exist_ok=True)
        strategy = make_strategy(self.run_config.train)
        with strategy.scope():
            tuner = self._build()
        batches = TaskBatches(self._maker, self.chat.texts, self.seed, strategy)
        train_secs = fit_resumably(
            *(tuner, batches, self.run_config, self.folder, strategy),
            patience_epochs=self.config.training.patience_epochs,
            data_fingerprint=self._fingerprint,
            trained_sequence_length=self.chat.sequence_length,
        )
        step = restore_best(tuner, self.folder)
        score = tuner.measure_validation()["task_score"]
        result = RetrievalResult(self.seed, step, score, train_secs)
        draw_curves(self.folder)
        text = json.dumps(dataclasses.asdict(result), indent=2) + "\n"
        write_text(self.folder / FIGURES_FILE, text)
        return result

    def _build(self) -> RetrievalTuner:
        train, training = self.run_config.train, self.config.training
        with dtype_policy(train.precision):
            network = build_vector_network(self.run_config.model, seed=self.seed)
        fill_encoder(network, self.source)
        objective = ContrastiveObjective(network, self.config.temperature)
        tuner = RetrievalTuner(objective, network, self.chat, self.seed)
        rates = find_layer_rates(
            *(network, self.run_config.model.num_layers, training.layer_decay_rate),
            compat=training.compat,
        )
        tuner.compile(optimizer=make_task_optimizer(tuner, train, rates))
        return tuner


def read_retrieval_result(folder: Path) -> RetrievalResult | None:
    """Reads what a finished trial came to; None: it has not finished."""
    path = folder / FIGURES_FILE
    if not path.is_file():
        return None
    return RetrievalResult(**json.loads(path.read_text("utf-8")))
