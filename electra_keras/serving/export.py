"""A run to a SavedModel, by rename, never touching an earlier version.

Reads a run folder, writes `DIR/<version>/`, which TF Serving serves as it is,
and what a server needs beside it.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.errors import UsageError
from electra_keras.serving.extra_assets import EXTRA_ASSETS, write_extra_assets
from electra_keras.serving.half_weights import HalfWeights
from electra_keras.serving.litert import convert_to_litert, litert_file
from electra_keras.serving.portable_ops import check_portable_ops
from electra_keras.serving.served_corruption import ServedCorruption
from electra_keras.serving.served_text import ServedText
from electra_keras.serving.server_files import write_batching_file
from electra_keras.serving.signatures import ServedNetwork
from electra_keras.serving.versions import add_version, check_versions_folder
from electra_keras.training.saved_run import SavedRun

WEIGHTS = ("float32", "bfloat16")
# [CLS], a token, [SEP].
_SHORTEST_ROW = 3


def export_run(
    run: SavedRun,
    output: str | Path,
    *,
    sequence_length: int | None = None,
    with_generator: bool = False,
    litert: str | None = None,
    weights: str = "float32",
) -> Path:
    """Writes the next version below `output`.

    Args:
        run: From `load_run`.
        output: Folder of versions: 1, 2, 3... The first time, files for a
            server are written beside them.
        sequence_length: Tokens at which rows are cut. None: the length that the
            weights were trained on.
        with_generator: Adds the generator and the signature `corrupt`.
        litert: Adds `assets.extra/model_<form>.tflite`, see `litert.py`; None: not.
        weights: "float32", or "bfloat16" for half the size: see `half_weights.py`.
            Without generator and LiteRT.

    Returns:
        The version's folder.

    Raises:
        UsageError: `output` is a file, there is no position for every token, no
            generator, no such form, or two of them do not go together.
        ElectraError: TF Serving could not run the graph.
    """
    output = Path(output)
    if sequence_length is None:
        sequence_length = run.trained_sequence_length
    positions = run.config.model.max_sequence_length
    if not _SHORTEST_ROW <= sequence_length <= positions:
        raise UsageError(
            f"--sequence_length={sequence_length}",
            expected=f"{_SHORTEST_ROW} to {positions}, the positions of the model; "
            f"{run.trained_sequence_length} are trained",
            fix="Change it, or remove it.",
        )
    check_versions_folder(output)
    _check_weights(weights, litert=litert is not None, with_generator=with_generator)

    def write(folder: Path) -> None:
        _write_version(run, folder, sequence_length, with_generator, weights)
        if litert is not None:
            model = convert_to_litert(folder, litert)
            (folder / EXTRA_ASSETS / litert_file(litert)).write_bytes(model)

    return add_version(output, write)


def _check_weights(weights: str, *, litert: bool, with_generator: bool) -> None:
    if weights not in WEIGHTS:
        raise UsageError(
            f"--weights={weights}", expected=" or ".join(WEIGHTS), fix="Choose one."
        )
    others = {"--litert": litert, "--with_generator": with_generator}
    for flag, given in others.items():
        if weights != "float32" and given:
            raise UsageError(
                f"--weights={weights} with {flag}",
                expected="one of them",
                fix="Export twice: a version each.",
            )


def _write_version(
    run: SavedRun,
    folder: Path,
    sequence_length: int,
    with_generator: bool,
    weights: str,
) -> None:
    text = ServedText(Tokenizer(run.vocabulary, run.info.tokenizer), sequence_length)
    network = run.discriminator
    if weights == "bfloat16":
        network = HalfWeights(network)
    served = ServedNetwork(
        network,
        text,
        tells_energies=run.config.train.objective == "electric",
    )
    signatures, networks = served.signatures(), [network]
    if with_generator:
        signatures |= ServedCorruption(run, served).signatures()
        networks.append(run.objective.networks["generator"])
    # Keras' ExportArchive would write every weight twice.
    module = tf.Module()
    module.weights = [v.value for network in networks for v in network.variables]
    tf.saved_model.save(module, str(folder), signatures=signatures)
    check_portable_ops(folder)
    write_batching_file(folder)
    write_extra_assets(run, text, signatures, folder, with_generator=with_generator)
