"""Checkpoints: whole or absent, checked when read; the newest few and the best kept.

Reads the pretrainer's state, feeds `run.py` when it resumes, and `serving/`.

A checkpoint is a folder `step-00001000` with TensorFlow's files and a
`state.json` that names the step, the fingerprints and every file's SHA-256.
It is written under a temporary name, flushed, then renamed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from electra_keras.errors import ElectraError, UsageError
from electra_keras.training.best_checkpoint import BEST_FILE, BestCheckpoint
from electra_keras.training.tensor_rows import read_tensor_rows
from electra_keras.whole_files import sync

# Variables by name. Names of our own, since Keras shows TensorFlow no layer
# that sits in a list: its weights would be missing without a word.
Variables = dict[str, keras.Variable]

STATE_FILE = "state.json"
_PREFIX = "step-"
# What a killed process leaves: its name ends with a UUID.
_PARTIAL = re.compile(rf"{_PREFIX}\d+\.partial-[0-9a-f]{{32}}")
_PART_BYTES = 2**26
_FILES_PREFIX = "variables"
# What TensorFlow calls a variable that is stored as `_trackable` does.
_TENSOR = "variables/{}/.ATTRIBUTES/VARIABLE_VALUE"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint on disk.

    Attributes:
        folder: Where it lies.
        step: Optimizer steps done.
        config_fingerprint: Of the configuration it was trained with.
        data_fingerprint: Of the data it was trained on.
        trained_sequence_length: Tokens of the longest rows that the weights were
            trained on, by this run or one before it; later positions are not
            trained. 0 in checkpoints that do not say.
        window_start: Of a checkpoint in the middle of a window of the curves: the
            optimizer steps done before the window, whose metrics so far are saved
            too. None at the end of a window.
    """

    folder: Path
    step: int
    config_fingerprint: str
    data_fingerprint: str
    trained_sequence_length: int = 0
    window_start: int | None = None

    def restore(self, variables: Variables) -> None:
        """Loads every one of `variables` from this checkpoint.

        Raises:
            ElectraError: A variable is missing or has another shape.
        """
        try:
            for part in _in_parts(variables):
                status = _trackable(part).read(self._prefix)
                status.assert_existing_objects_matched().expect_partial()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise self._does_not_fit(error) from error

    def read_rows(self, variable: keras.Variable, rows: slice) -> np.ndarray:
        """Reads rows of a network's variable, which may have no value itself.

        Args:
            variable: With its path and shape.
            rows: start:stop; slice(None) for all.

        Raises:
            ElectraError: It is missing or has another shape.
        """
        tensor = _TENSOR.format(_network_name(variable).replace("/", ".S"))
        try:
            found = read_tensor_rows(
                self._prefix, tensor, variable.shape, rows, dtype=variable.dtype
            )
        except tf.errors.OpError as error:
            raise self._does_not_fit(error) from error
        return found.numpy()

    @property
    def _prefix(self) -> str:
        return str(self.folder / _FILES_PREFIX)

    def _does_not_fit(self, error: Exception) -> ElectraError:
        return ElectraError(
            f"{self.folder} does not fit the networks ({error})",
            expected="a checkpoint of the same configuration",
            fix="Use the config.yaml beside it.",
        )


class CheckpointFolder:
    """The checkpoints of one run.

    Args:
        folder: `RUN/checkpoints`.
        kept: The newest so many are kept, and the best; older ones of ours are
            removed.
    """

    def __init__(self, folder: Path, *, kept: int = 3):
        self.folder = Path(folder)
        self.kept = kept

    def save(
        self,
        variables: Variables,
        *,
        step: int,
        config_fingerprint: str,
        data_fingerprint: str,
        trained_sequence_length: int = 0,
        window_start: int | None = None,
    ) -> Checkpoint:
        """Writes a checkpoint; a kill at any moment leaves none or a whole one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self._of_step(step)
        saved = Checkpoint(
            target,
            step,
            config_fingerprint,
            data_fingerprint,
            trained_sequence_length,
            window_start,
        )
        if target.exists() and self._read(target) is None:
            target.rename(self.folder / f"damaged-{target.name}-{uuid.uuid4().hex[:8]}")
        if not target.exists():
            partial = self.folder / f"{target.name}.partial-{uuid.uuid4().hex}"
            partial.mkdir()
            try:
                _trackable(variables).write(str(partial / _FILES_PREFIX))
                state = dataclasses.asdict(saved) | {"sha256": _hash_files(partial)}
                del state["folder"]
                text = json.dumps(state, indent=2) + "\n"
                (partial / STATE_FILE).write_text(text)
                _flush(partial)
                partial.rename(target)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            sync(self.folder)
        self._forget_old(step)
        return saved

    def latest(self) -> Checkpoint | None:
        """Returns the newest whole checkpoint, passing over damaged ones."""
        for folder in reversed(self._folders()):
            checkpoint = self._read(folder)
            if checkpoint is not None:
                return checkpoint
            print(f"warning: {folder} is damaged and passed over")
        return None

    def choose(self, which: str) -> Checkpoint | None:
        """Finds "latest", "best" or the checkpoint of a step, such as "1000".

        Returns:
            None only where there is no whole checkpoint at all.

        Raises:
            UsageError: There is none of this name, or it is damaged.
        """
        latest = self.latest()
        if which == "latest" or latest is None:
            return latest
        steps = [int(folder.name.removeprefix(_PREFIX)) for folder in self._folders()]
        there = ", ".join(f"{step}" for step in steps)
        if which == "best":
            best = BestCheckpoint.read(self.folder)
            if best is None:
                raise UsageError(
                    f"no {BEST_FILE} in {self.folder}",
                    expected="a run that has been evaluated on held-out text",
                    fix=f"Use --checkpoint=latest, or a step of {there}.",
                )
            which = str(best.step)
        step = int(which) if which.isdecimal() else None
        found = None if step is None else self._read(self._of_step(step))
        if found is None:
            is_damaged = step in steps
            raise UsageError(
                f"checkpoint {which} of {self.folder} is damaged"
                if is_damaged
                else f"no checkpoint {which} in {self.folder}",
                expected=f"latest, best, or a step of {there}",
                fix="Choose another --checkpoint.",
            )
        return found

    def mark_best(self, best: BestCheckpoint) -> None:
        """Names the best checkpoint, which is saved; the one before may go."""
        best.write(self.folder)
        sync(self.folder)
        self._forget_old(best.step)

    def find_best(
        self, judged: Iterable[BestCheckpoint | None], step: int
    ) -> BestCheckpoint | None:
        """Finds the best whole checkpoint once more and names it.

        Args:
            judged: Held-out values of steps, saved or not.
            step: From which the run goes on; what came later will come again.
        """
        known = {*judged, BestCheckpoint.read(self.folder)}
        candidates = [b for b in known if b is not None and b.step <= step]
        for best in sorted(candidates, key=lambda b: b.rank, reverse=True):
            if self._read(self._of_step(best.step)) is not None:
                best.write(self.folder)
                return best
        (self.folder / BEST_FILE).unlink(missing_ok=True)
        return None

    def remove_partial(self) -> None:
        """Removes what killed processes had begun to write."""
        for folder in self.folder.glob(f"{_PREFIX}*"):
            if _PARTIAL.fullmatch(folder.name):
                shutil.rmtree(folder)

    def _of_step(self, step: int) -> Path:
        return self.folder / f"{_PREFIX}{step:08d}"

    def _folders(self) -> list[Path]:
        found = self.folder.glob(f"{_PREFIX}*") if self.folder.is_dir() else []
        return sorted(
            folder for folder in found if folder.name[len(_PREFIX) :].isdigit()
        )

    def _read(self, folder: Path) -> Checkpoint | None:
        try:
            state = json.loads((folder / STATE_FILE).read_text())
            if _hash_files(folder) != state["sha256"]:
                return None
            return Checkpoint(
                folder,
                state["step"],
                state["config_fingerprint"],
                state["data_fingerprint"],
                state.get("trained_sequence_length", 0),
                state.get("window_start"),
            )
        except (OSError, ValueError, KeyError):
            return None

    def _forget_old(self, step: int) -> None:
        """Removes all but the newest up to `step` and the best.

        Damaged later ones stay.
        """
        newest = self._of_step(step)
        best = BestCheckpoint.read(self.folder)
        known = [folder for folder in self._folders() if folder <= newest]
        for folder in known[: -self.kept]:
            if best is None or folder != self._of_step(best.step):
                shutil.rmtree(folder)


def network_variables(networks: Mapping[str, keras.Model]) -> Variables:
    """Names the weights of all networks; shared ones have one name."""
    return {
        _network_name(variable): variable
        for network in networks.values()
        for variable in network.variables
    }


def _network_name(variable: keras.Variable) -> str:
    return f"networks/{variable.path}"


def optimizer_variables(optimizer: keras.optimizers.Optimizer) -> Variables:
    """Names the optimizer's slots and its count of steps."""
    return {f"optimizer/{variable.path}": variable for variable in optimizer.variables}


def _in_parts(variables: Variables) -> Iterator[Variables]:
    """Splits, since TensorFlow holds all that it reads at once in memory."""
    part: Variables = {}
    part_bytes = 0
    for name, variable in variables.items():
        variable_bytes = 4 * math.prod(variable.shape)
        if part and part_bytes + variable_bytes > _PART_BYTES:
            yield part
            part, part_bytes = {}, 0
        part[name] = variable
        part_bytes += variable_bytes
    yield part


def _trackable(variables: Variables) -> tf.train.Checkpoint:
    return tf.train.Checkpoint(
        variables={name: variable.value for name, variable in variables.items()}
    )


def _hash_files(folder: Path) -> dict[str, str]:
    hashes = {}
    for path in sorted(folder.iterdir()):
        if path.name != STATE_FILE:
            with path.open("rb") as file:
                hashes[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def _flush(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        sync(path)
