"""What generator and discriminator share: `model.tied_weights`.

Reads `ModelConfig`, feeds `networks.py`. The network that is kept has the layers
`embeddings` and `discriminator_encoder`, whatever is shared; what the generator
has for itself is in `generator_embeddings` and `generator_encoder`.

| `tied_weights`     | token table | positions, segments | LayerNorm | encoder |
|--------------------|-------------|---------------------|-----------|---------|
| `none`             | own         | own                 | own       | own     |
| `token_embeddings` | shared      | own                 | own       | own     |
| `embeddings`       | shared      | shared              | shared    | own     |
| `all`              | shared      | shared              | shared    | shared  |
| `disentangled`     | difference  | difference          | own       | own     |

Heads are each network's own. Both networks have the width `embedding_dim` where
they share nothing too; in the reference such a generator's table is as wide as
its hidden states.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.model_config import ModelConfig
from electra_keras.models.initializers import child_seed
from electra_keras.models.layers import Embeddings

TABLES = ("token", "position", "segment")


class TiedTokenEmbeddings(Embeddings):
    """Embeddings whose token table is another layer's.

    Args:
        token_embeddings: float32 (V, E), of a layer that is built.
        *args, **kwargs: Of `Embeddings`, as are the call arguments and the
            result.
    """

    def __init__(self, *args: Any, token_embeddings: keras.Variable, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.token_embeddings = token_embeddings

    def build(self, token_ids_shape, segment_ids_shape=None, block_ids_shape=None):
        self.position_embeddings = self._add_table("position", self.max_sequence_length)
        self.segment_embeddings = self._add_table("segment", self.num_segments)
        self.layer_norm.build((None, None, self.embedding_dim))

    def _add_table(self, name: str, rows: int) -> keras.Variable:
        return self.add_weight(
            name=f"{name}_embeddings",
            shape=(rows, self.embedding_dim),
            initializer=self._initializer(name),
        )


class DisentangledEmbeddings(Embeddings):
    """Another layer's tables, as constants, plus differences of its own.

    The discriminator learns from what the generator's tables say of tokens and
    does not pull at them: its loss moves the differences, which start at 0. The
    paper shares token and position tables, its models have no segments; its code
    gives each network a LayerNorm of its own, and so does this: a shared one
    would be pulled at from both sides. There the discriminator's pass comes after
    the generator's update, here both are of one step.

    Args:
        tables: "token" float32 (V, E), "position", "segment": of a layer that is
            built. They are among this layer's variables, so that a network that is
            saved can be used alone, but have no gradient through it.
        *args, **kwargs: Of `Embeddings`, as are the call arguments and the
            result.

    Source: He et al. 2021, "DeBERTaV3", section 3.2; microsoft/DeBERTa
        `apps/tasks/rtd_task.py`.
    """

    def __init__(self, *args: Any, tables: dict[str, keras.Variable], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.tables = tables

    def build(self, token_ids_shape, segment_ids_shape=None, block_ids_shape=None):
        self.differences = {
            name: self.add_weight(
                name=f"{name}_embeddings_difference",
                shape=self.tables[name].shape,
                initializer="zeros",
            )
            for name in TABLES
        }
        self.layer_norm.build((None, None, self.embedding_dim))

    def summed(self, name: str) -> tf.Tensor:
        """The table as it is used: float (rows, E); "token", "position", "segment"."""
        table = tf.stop_gradient(tf.convert_to_tensor(self.tables[name]))
        return table + tf.convert_to_tensor(self.differences[name])

    @property
    def token_embeddings(self) -> tf.Tensor:
        return self.summed("token")

    @property
    def position_embeddings(self) -> tf.Tensor:
        return self.summed("position")

    @property
    def segment_embeddings(self) -> tf.Tensor:
        return self.summed("segment")


def build_embeddings(config: ModelConfig, *, seed: int = 1) -> Embeddings:
    """Builds the layer that both networks share: tables and their LayerNorm.

    Raises:
        UsageError: `vocabulary_size` is None.
    """
    return _build(Embeddings, config, "embeddings", seed)


def tie_embeddings(
    config: ModelConfig, *, seed: int = 1
) -> tuple[Embeddings, Embeddings]:
    """Builds the embeddings of both networks as `tied_weights` says.

    Args:
        config: Sizes; `vocabulary_size` must be set.
        seed: Of the initial weights.

    Returns:
        The generator's and the discriminator's; one layer twice where all is
        shared.

    Raises:
        UsageError: `vocabulary_size` is None.
    """
    if config.tied_weights in ("embeddings", "all"):
        shared = build_embeddings(config, seed=seed)
        return shared, shared
    own = "generator_embeddings"
    if config.tied_weights == "token_embeddings":
        ours = _built(build_embeddings(config, seed=seed))
        table = ours.token_embeddings
        theirs = _build(TiedTokenEmbeddings, config, own, seed, token_embeddings=table)
        return theirs, ours
    theirs = _built(_build(Embeddings, config, own, seed))
    if config.tied_weights == "none":
        return theirs, build_embeddings(config, seed=seed)
    tables = {name: getattr(theirs, f"{name}_embeddings") for name in TABLES}
    kind = DisentangledEmbeddings
    return theirs, _build(kind, config, "embeddings", seed, tables=tables)


def _build(
    kind: type[Embeddings], config: ModelConfig, name: str, seed: int, **tied: Any
) -> Embeddings:
    if config.vocabulary_size is None:
        raise UsageError(
            "model.vocabulary_size is not set",
            expected="the number of entries of the vocabulary",
            fix="Set it, or let electra_keras.train take it from the data.",
        )
    return kind(
        config.vocabulary_size,
        config.embedding_dim,
        max_sequence_length=config.max_sequence_length,
        num_segments=config.num_segments,
        initializer_range=config.initializer_range,
        position_initializer=config.position_initializer,
        seed=child_seed(seed, name),
        name=name,
        **tied,
    )


def _built(embeddings: Embeddings) -> Embeddings:
    """Makes the tables now, so that the other network's layer can hold them."""
    embeddings.build((None, None))
    return embeddings
