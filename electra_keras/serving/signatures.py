"""What the SavedModel answers: text in, or token ids in.

Reads a trained network and its text side, `served_text.py`; feeds `export.py`.
The batch is the first dimension of every input and output. Only ops that stock
TF Serving links are used; `portable_ops.py` sees to it.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from electra_keras.serving.half_weights import HalfWeights
from electra_keras.serving.served_text import TOKEN_NAMES, ServedText, Tensors

_TEXT = tf.TensorSpec([None], tf.string, "text")
_TOKENS = tuple(tf.TensorSpec([None, None], tf.int32, name) for name in TOKEN_NAMES)


class ServedNetwork:
    """The signatures of the SavedModel.

    Args:
        discriminator: From `models/networks.py`, float32, no strategy.
        text: Makes its rows. Longer ones are cut, by default at what was
            trained, since later rows of the position table know nothing.
        tells_energies: Its logits are energies, as Electric trains them.
    """

    def __init__(
        self,
        discriminator: keras.Model | HalfWeights,
        text: ServedText,
        *,
        tells_energies: bool,
    ) -> None:
        self.discriminator = discriminator
        self.text = text
        self.tells_energies = tells_energies
        special = text.tokenizer.vocabulary.special_token_ids.values()
        self._special_token_ids = tf.constant(list(special), tf.int32)
        # Functions of their own: the graph holds each once, not once a signature,
        # which halves the time that it takes to load.
        self._tokenize = tf.function(text.tokenize, [_TEXT])
        self._run = tf.function(self._run_network, _TOKENS)

    @property
    def tells_replaced(self) -> bool:
        """Whether it has a head for replaced tokens, or predicts tokens only."""
        return "replaced_logits" in self.discriminator.output

    def signatures(self) -> dict[str, Callable[..., Tensors]]:
        """Lists the functions of the SavedModel by name."""
        functions = {
            "serving_default": tf.function(self.from_text, [_TEXT]),
            "tokenize": self._tokenize,
            "tokens": tf.function(self.from_tokens, _TOKENS),
            "hidden_states": tf.function(self.hidden_states, _TOKENS),
        }
        if self.tells_replaced:
            functions["score"] = tf.function(self.score, [_TEXT])
        return functions

    def from_text(self, text: tf.Tensor) -> Tensors:
        """Answers for raw text.

        Args:
            text: string (B,), UTF-8.

        Returns:
            `tokens`, `token_starts`, `token_ends`, `padding_mask` of
            `ServedText.tokenize`, and what `from_tokens` gives.
        """
        rows = self._tokenize(text)
        answer = self.from_tokens(*(rows[name] for name in TOKEN_NAMES))
        names = ("tokens", "token_starts", "token_ends", "padding_mask")
        return {**{name: rows[name] for name in names}, **answer}

    def from_tokens(
        self, token_ids: tf.Tensor, segment_ids: tf.Tensor, padding_mask: tf.Tensor
    ) -> Tensors:
        """Answers for token ids.

        Args:
            token_ids: int32 (B, S), [CLS] a [SEP] (b [SEP]).
            segment_ids: int32 (B, S).
            padding_mask: int32 (B, S).

        Returns: with S at most `sequence_length`
            `replaced_probability` float32 (B, S), 0 where padded, unless the
            network was trained to predict tokens and has no head for it;
            `mean_embedding` float32 (B, H), the mean of the last hidden states
            over `padding_mask`, and `cls_embedding` float32 (B, H), the first.
        """
        outputs, is_real = self._run(token_ids, segment_ids, padding_mask)
        states = outputs["hidden_states"]
        weight = is_real / tf.maximum(tf.reduce_sum(is_real, 1, keepdims=True), 1.0)
        answer = {
            "mean_embedding": tf.reduce_sum(states * tf.expand_dims(weight, -1), 1),
            "cls_embedding": states[:, 0],
        }
        if self.tells_replaced:
            probability = tf.sigmoid(outputs["replaced_logits"])
            answer["replaced_probability"] = probability * is_real
        return answer

    def hidden_states(
        self, token_ids: tf.Tensor, segment_ids: tf.Tensor, padding_mask: tf.Tensor
    ) -> Tensors:
        """Gives the last hidden states.

        Apart from the other answers, since S x H numbers a text would be nearly
        all of them.

        Args:
            token_ids: As for `from_tokens`.
            segment_ids: As there.
            padding_mask: As there.

        Returns:
            `hidden_states` float32 (B, S, H).
        """
        outputs, _ = self._run(token_ids, segment_ids, padding_mask)
        return {"hidden_states": outputs["hidden_states"]}

    def score(self, text: tf.Tensor) -> Tensors:
        """Says how natural each text is.

        Args:
            text: string (B,), UTF-8.

        Returns:
            `naturalness` float32 (B,), nats, a mean over word pieces other than
            [UNK]: of log(1 - replaced probability), 0 at most; of Electric
            minus the energy, an estimate of log p(token | the others) that
            nothing has normalised. 0 where there is no such piece.
        """
        rows = self._tokenize(text)
        outputs, is_real = self._run(*(rows[name] for name in TOKEN_NAMES))
        is_special = tf.reduce_any(
            rows["token_ids"][..., tf.newaxis] == self._special_token_ids, axis=-1
        )
        weight = tf.where(is_special, 0.0, is_real)
        logits = outputs["replaced_logits"]
        said = -logits if self.tells_energies else -tf.nn.softplus(logits)
        count = tf.maximum(tf.reduce_sum(weight, axis=1), 1.0)
        return {"naturalness": tf.reduce_sum(said * weight, axis=1) / count}

    def _run_network(
        self, token_ids: tf.Tensor, segment_ids: tf.Tensor, padding_mask: tf.Tensor
    ) -> tuple[Tensors, tf.Tensor]:
        """The network's outputs, and 1 where a token is real: float32 (B, S)."""
        longest = self.text.sequence_length
        padding_mask = padding_mask[:, :longest]
        inputs = {
            "token_ids": token_ids[:, :longest],
            "segment_ids": segment_ids[:, :longest],
            "padding_mask": padding_mask,
        }
        outputs = self.discriminator(inputs, training=False)
        return outputs, tf.cast(padding_mask, tf.float32)
