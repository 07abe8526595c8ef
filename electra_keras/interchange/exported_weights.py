"""A version that `serving/export.py` wrote: what it says of itself, and its weights.

Feeds `sources.py`. No graph is loaded: the files of the variables name each of
them, and the networks are built without weights, as for a run.
"""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

# The public reader gives the names of tensors, and variables' names in this.
from tensorflow.core.protobuf import trackable_object_graph_pb2

from electra_keras.config_files import load_config
from electra_keras.data.info import VOCABULARY_FILE, DatasetInfo
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.interchange.keras_weights import KerasWeights, find_keras_weights
from electra_keras.interchange.run_weights import build_outlines
from electra_keras.interchange.sizes import check_tensors
from electra_keras.training.checkpoints import Checkpoint
from electra_keras.training.run_folder import CONFIG_FILE, DATA_INFO_FILE
from electra_keras.training.saved_run import RunRecord
from electra_keras.training.tensor_rows import read_tensor_rows

# As `serving/extra_assets.py` names them.
_EXTRA_ASSETS = "assets.extra"
_EXPORT_FILE = "export.json"
_VARIABLES = "variables/variables"
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"


class VersionVariables:
    """The variables of a SavedModel, read from their files by Keras path.

    Args:
        folder: Of the version.

    Attributes:
        shapes: By path.
        is_rounded: Whether some are kept in bfloat16.

    Raises:
        UsageError: The files are missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._prefix = str(folder / _VARIABLES)
        objects = trackable_object_graph_pb2.TrackableObjectGraph()
        try:
            reader = tf.train.load_checkpoint(self._prefix)
            objects.ParseFromString(reader.get_tensor(_OBJECTS))
        except (tf.errors.OpError, ValueError) as error:
            raise _damaged(folder, str(error)) from error
        self._keys = {
            attribute.full_name: attribute.checkpoint_key
            for node in objects.nodes
            for attribute in node.attributes
        }
        shapes = reader.get_variable_to_shape_map()
        types = reader.get_variable_to_dtype_map()
        self.shapes = {k: tuple(shapes[v]) for k, v in self._keys.items()}
        self._types = {k: types[v] for k, v in self._keys.items()}
        self.is_rounded = tf.bfloat16 in self._types.values()

    def read_rows(self, path: str, rows: slice) -> np.ndarray:
        """Reads rows of a variable: float32."""
        found = read_tensor_rows(
            self._prefix,
            self._keys[path],
            self.shapes[path],
            rows,
            dtype=self._types[path],
        )
        return tf.cast(found, tf.float32).numpy()


class ExportedWeights(KerasWeights):
    """The weights of a network of ours, in a version.

    Args:
        network: Built without weights.
        exported: Holds them.
    """

    def __init__(self, network: keras.Model, exported: VersionVariables) -> None:
        super().__init__(network)
        self._exported = exported

    def _rows(self, variable: keras.Variable, rows: slice) -> np.ndarray:
        return self._exported.read_rows(variable.path, rows)


def is_export(folder: Path) -> bool:
    """Whether a folder is a version that we wrote."""
    return (folder / _EXTRA_ASSETS / _EXPORT_FILE).is_file()


def read_export(folder: Path) -> RunRecord:
    """Reads what a version says of the run that it was made from.

    Its `folder` is that of the copied files, its `checkpoint` the version: there
    is nothing to be restored from it.

    Raises:
        UsageError: A file is missing or damaged.
    """
    extra = folder / _EXTRA_ASSETS
    for name in (CONFIG_FILE, DATA_INFO_FILE, VOCABULARY_FILE):
        if not (extra / name).is_file():
            raise _damaged(folder, f"{_EXTRA_ASSETS}/{name} is missing")
    config = load_config(extra / CONFIG_FILE)
    try:
        info = DatasetInfo.from_json((extra / DATA_INFO_FILE).read_text("utf-8"))
        about = json.loads((extra / _EXPORT_FILE).read_text("utf-8"))
        step, length = int(about["step"]), int(about["trained_sequence_length"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, f"{_EXTRA_ASSETS}: {error!r}") from error
    checkpoint = Checkpoint(folder, step, config.fingerprint, info.fingerprint, length)
    vocabulary = Vocabulary.load(extra / VOCABULARY_FILE)
    return RunRecord(extra, config, info, vocabulary, checkpoint)


def open_exported_weights(
    record: RunRecord, exported: VersionVariables
) -> tuple[dict[str, KerasWeights], list[str]]:
    """Opens the networks of a version, as `find_keras_weights`.

    Args:
        record: From `read_export`.
        exported: The variables of the same version.

    Raises:
        UsageError: It does not hold the networks of its configuration; all that
            differs is listed.
    """
    found = exported.shapes
    networks = {
        name: network
        for name, network in build_outlines(record).items()
        if name == "discriminator" or all(v.path in found for v in network.variables)
    }
    expected = {
        variable.path: tuple(variable.shape)
        for network in networks.values()
        for variable in network.variables
    }
    check_tensors(expected, found, str(record.checkpoint.folder))
    return find_keras_weights(
        networks, lambda network: ExportedWeights(network, exported)
    )


def _damaged(folder: Path, what: str) -> UsageError:
    return UsageError(
        f"{folder} is not whole ({' '.join(what.split())})",
        expected="a version folder as electra_keras.export writes it",
        fix="Export the run once more.",
    )
