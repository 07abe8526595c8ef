"""A SavedModel to LiteRT, for phones and for CPUs without TensorFlow.

Reads the signature `tokens` of a version that `export.py` writes; feeds
`assets.extra`, which TF Serving leaves alone.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from electra_keras.errors import ElectraError, UsageError

# What weights are kept in.
LITERT_FORMS = ("float32", "float16", "int8")
_SIGNATURE = "tokens"


def litert_file(form: str) -> str:
    """Names the file of a form."""
    return f"model_{form}.tflite"


def convert_to_litert(folder: str | Path, form: str) -> bytes:
    """Converts the signature `tokens` of a SavedModel.

    Its inputs and outputs are the same, with any number of rows and tokens. Only
    ops that every LiteRT runtime has are used. What of it tokenizes stays behind:
    ids come in.

    Args:
        folder: Of the SavedModel.
        form: "float32"; "float16", weights of half the size that are cast when
            the model is loaded; "int8", weights of a quarter, one scale for each
            output channel. Activations are float32 between products, and
            quantized by row in those of int8 (dynamic range quantization).

    Returns:
        What a `.tflite` file holds.

    Raises:
        UsageError: There is no such form.
        ElectraError: The graph has an op that LiteRT does not have.
    """
    if form not in LITERT_FORMS:
        raise UsageError(
            f"--litert={form}",
            expected=f"one of {', '.join(LITERT_FORMS)}",
            fix="Choose one.",
        )
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(folder), signature_keys=[_SIGNATURE]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if form != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        return converter.convert()
    except Exception as error:  # The converter's own class is not public.
        if type(error).__name__ != "ConverterError":
            raise
        raise ElectraError(
            f"a graph that LiteRT cannot run: {str(error).splitlines()[0]}",
            expected="builtin ops of LiteRT",
            fix="Express it by other ops: this is a mistake in electra_keras.",
        ) from error
