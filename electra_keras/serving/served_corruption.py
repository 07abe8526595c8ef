"""The signature that corrupts a text as training did, and judges the result.

Reads `served_text.py` and the generator of a run, feeds `export.py` if it is
asked for the generator. For demonstrations and tests: a served discriminator
does without.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from electra_keras.data.masking import MaskingConfig, hash_noise, mask_tokens
from electra_keras.data.vocabulary import PAD
from electra_keras.errors import UsageError
from electra_keras.objectives.electric import find_noised
from electra_keras.objectives.shared.corruption import corrupt_tokens, sample_tokens
from electra_keras.objectives.shared.objective import run_masked_lm
from electra_keras.serving.served_text import TOKEN_NAMES, Tensors
from electra_keras.serving.signatures import ServedNetwork
from electra_keras.training.saved_run import SavedRun

# Beside the streams of `masking.py`.
_SAMPLE_STREAM = 2
# Hashes of texts; a key of the noise.
_TEXT_BUCKETS = 2**31


class ServedCorruption:
    """Masks, samples and asks the discriminator, a row at a time.

    Args:
        run: Its generator is used, with its masking and its temperature.
        served: The discriminator's answers, and the text side.

    Raises:
        UsageError: The run trained no generator.
    """

    def __init__(self, run: SavedRun, served: ServedNetwork) -> None:
        if "generator" not in run.objective.networks:
            raise UsageError(
                f"--with_generator for a run of train.objective "
                f"{run.config.train.objective}, which has none",
                expected="a run that trained a generator",
                fix="Leave --with_generator away.",
            )
        data = run.config.data
        self._served = served
        self._generator = run.objective.networks["generator"]
        self._settings = run.objective.settings
        # Electric's towers leave out the token that they predict by themselves.
        self._shows_originals = run.config.train.objective == "electric"
        self._masking = MaskingConfig(
            sequence_length=served.text.sequence_length,
            special_token_ids=run.info.special_token_ids,
            mask_rate=data.mask_rate,
            mask_token_rate=data.mask_token_rate,
            with_replacement=bool(data.mask_with_replacement),
            mask_unknown_tokens=bool(data.mask_unknown_tokens),
            seed=run.config.train.seed,
        )

    def signatures(self) -> dict[str, Callable[..., Tensors]]:
        """Lists the function of the SavedModel by its name."""
        text = tf.TensorSpec([None], tf.string, "text")
        seed = tf.TensorSpec([None], tf.int32, "seed")
        return {"corrupt": tf.function(self.corrupt, [text, seed])}

    def corrupt(self, text: tf.Tensor, seed: tf.Tensor) -> Tensors:
        """Replaces tokens by samples of the generator.

        The noise of a row is a hash of its text and seed alone.

        Args:
            text: string (B,), UTF-8.
            seed: int32 (B,). Another seed, another corruption.

        Returns:
            What `serving_default` gives for the corrupted tokens, with the
            offsets of the original ones; `original_tokens` string (B, S);
            int32 (B, S): `is_masked`, 1 where a sample was put, and
            `is_replaced`, 1 where it differs from the original.
        """
        rows = self._served.text.tokenize(text)
        inputs = {name: rows[name] for name in TOKEN_NAMES}
        width = tf.shape(inputs["token_ids"])[1]
        text_key = tf.strings.to_hash_bucket_fast(text, _TEXT_BUCKETS)
        keys = (text_key[:, tf.newaxis], tf.cast(seed, tf.int64)[:, tf.newaxis])
        batch = mask_tokens(
            self._pad(inputs), tf.cast(seed, tf.int64), text_key, self._masking
        )
        masked_token_ids = batch["masked_token_ids"][:, :width]
        batch = {**batch, **inputs, "masked_token_ids": masked_token_ids}
        corrupted, is_replaced = corrupt_tokens(
            inputs["token_ids"],
            batch["mask_positions"],
            batch["mask_weights"],
            self._sample(batch, keys),
        )
        answer = self._served.from_tokens(
            corrupted, inputs["segment_ids"], inputs["padding_mask"]
        )
        names = ("token_starts", "token_ends", "padding_mask")
        return {
            "tokens": self._served.text.token_strings(corrupted, rows["padding_mask"]),
            **{name: rows[name] for name in names},
            **answer,
            "original_tokens": rows["tokens"],
            "is_masked": find_noised(batch),
            "is_replaced": is_replaced,
        }

    def _pad(self, inputs: Tensors) -> Tensors:
        """Rows of the length that masking knows."""
        longest = self._masking.sequence_length
        missing = longest - tf.shape(inputs["token_ids"])[1]
        pad_id = self._masking.special_token_ids[PAD]
        return {
            name: tf.ensure_shape(
                tf.pad(
                    value,
                    [[0, 0], [0, missing]],
                    constant_values=pad_id if name == "token_ids" else 0,
                ),
                [None, longest],
            )
            for name, value in inputs.items()
        }

    def _sample(self, batch: Tensors, keys: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """One token for each slot: int32 (B, M)."""
        name = "token_ids" if self._shows_originals else "masked_token_ids"
        logits = run_masked_lm(self._generator, batch[name], batch, False)
        slot = tf.range(self._masking.mask_slots)[tf.newaxis]
        bits = hash_noise(self._masking.seed, tf.constant(_SAMPLE_STREAM), *keys, slot)
        bits = tf.bitwise.right_shift(bits, tf.constant(9, tf.uint32))
        return sample_tokens(
            logits,
            tf.cast(bits, tf.float32) * 2.0**-23,
            unsampled_token_ids=self._settings.unsampled_token_ids,
            temperature=self._settings.temperature,
            disallowed_ids=batch["mask_ids"]
            if self._settings.disallow_correct
            else None,
        )
