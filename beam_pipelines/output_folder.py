"""Where outputs appear: whole, or not at all, or ready to be resumed.

Used by the drivers. A local folder is made as `DIR.partial` and renamed at the
end; what was there before is moved aside, never deleted. Behind a scheme such
as gs://, where folders cannot be renamed, files go to their final place and
`COMPLETED`, written last, says that they are whole.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beam_pipelines import storage
from beam_pipelines.folder_lock import LOCK_FILE, lock_folder
from beam_pipelines.job_description import JOB_FILE, check_same
from beam_pipelines.moving import is_taken, move_aside, replace
from electra_keras.command_line import explain
from electra_keras.errors import ElectraError, UsageError

WORK_FOLDER = "work"
COMPLETED_FILE = "COMPLETED"
_OVERWRITE_FILE = "overwrite"


def check_output(path: str | Path, *, overwrite: bool) -> Path:
    """Checks before any work that a local output may be written.

    Raises:
        UsageError: It is remote, or exists and is not an empty folder, and
            `overwrite` is off.
    """
    if storage.is_remote(str(path)):
        raise UsageError(
            f"--output={path}",
            expected="a local path",
            fix="Write to this machine and copy the result.",
        )
    path = Path(path)
    if is_taken(path) and not overwrite:
        kind = "folder is not empty" if path.is_dir() else "file exists"
        raise UsageError(
            f"--output={path}: the {kind}",
            expected="a new path",
            fix="Choose another one, or pass --overwrite to move what is there aside.",
        )
    return path


class JobFolder:
    """The output folder of a job, from its first file to its last.

    Args:
        output: Its final path.
        overwrite: Move what is there aside.
        resume: Go on with an unfinished job of the same description.
        description: All that decides the output; JSON. A job resumes only
            where it is the same.

    Attributes:
        path: Where files are written until `commit`.
    """

    def __init__(
        self,
        output: str,
        *,
        overwrite: bool,
        resume: bool,
        description: dict[str, Any],
    ) -> None:
        self._output = output.rstrip("/")
        self._overwrite = overwrite
        self._resume = resume
        self._description = description
        self._remote = storage.is_remote(output)
        self.path = self._output if self._remote else f"{self._output}.partial"

    @property
    def work(self) -> str:
        """Where files go that are removed at the end."""
        return storage.join(self.path, WORK_FOLDER)

    def is_complete(self) -> bool:
        """Whether a resumed job finds its output finished.

        One that was stopped after its last file is put in its place first.

        Raises:
            UsageError: What is there is the output of another job.
            ElectraError: Another process is writing it.
        """
        if not self._resume:
            return False
        if self._holds(COMPLETED_FILE):
            check_same(self.path, self._description)
            if self._holds(f"{WORK_FOLDER}/{LOCK_FILE}"):
                self._check_unlocked()
            self._finish()
            return True
        completed = storage.join(self._output, COMPLETED_FILE)
        if self._is_unfinished() or not storage.exists(completed):
            return False
        try:
            check_same(self._output, self._description)
        except UsageError:
            if self._overwrite:
                return False
            raise
        return True

    def check(self) -> None:
        """Checks before any work that the output may be written.

        Raises:
            UsageError: There is something else, or an unfinished job that
                does not fit.
            ElectraError: Another process is writing it.
        """
        unfinished = self._is_unfinished()
        if unfinished:
            self._check_unlocked()
        if unfinished and self._resume:
            check_same(self.path, self._description)
        elif self._remote:
            self._check_remote()
        elif unfinished and not self._overwrite:
            raise UsageError(
                f"an unfinished job at {self.path}",
                expected="--resume to go on with it, or --overwrite to move it aside",
                fix="Pass one of them.",
            )
        elif not (unfinished or self._is_bare()):
            raise UsageError(
                f"{self.path} is in the way and is not an unfinished job",
                expected=f"nothing there, since {self._output} is made in it",
                fix="Move it.",
            )
        if not self._remote:
            check_output(self._output, overwrite=self._may_replace())

    def _check_remote(self) -> None:
        if self._overwrite:
            raise UsageError(
                f"--overwrite with --output={self._output}",
                expected="a new folder, since folders there cannot be moved aside",
                fix="Choose another path.",
            )
        # Whatever lies below, since a failed job removes all that is there.
        found = storage.list_tree(self._output)
        if found:
            raise UsageError(
                f"--output={self._output} holds {found[0]}",
                expected="an empty folder, or --resume to go on with an unfinished job",
                fix="Choose another path.",
            )

    def _holds(self, name: str) -> bool:
        return storage.exists(storage.join(self.path, name))

    def _is_unfinished(self) -> bool:
        return self._holds(JOB_FILE) or self._holds(COMPLETED_FILE)

    def _is_bare(self) -> bool:
        """Whether nothing is there but what a job killed at once leaves."""
        job_file = storage.join(self.path, JOB_FILE)
        marks = [os.path.join(self.work, name) for name in (LOCK_FILE, _OVERWRITE_FILE)]
        known = (*marks, f"{job_file}.partial-")
        is_known = (path.startswith(known) for path in storage.list_tree(self.path))
        return not is_taken(Path(self.path)) or (
            os.path.isdir(self.path) and all(is_known)
        )

    def _may_replace(self) -> bool:
        """Whether what is at the output may be moved aside, by any run's flag."""
        return self._overwrite or self._holds(f"{WORK_FOLDER}/{_OVERWRITE_FILE}")

    @contextlib.contextmanager
    def open(self) -> Iterator[str]:
        """Gives the folder to write into, locked against a second writer.

        When the block fails, a folder in which no unit is done is removed;
        otherwise it stays, for `resume`. A wrong option always removes it.

        Yields:
            `path`.

        Raises:
            ElectraError: Another process is writing it, or what went wrong in
                the block, with advice on how to go on.
        """
        self.check()
        goes_on = self._resume and self._is_unfinished()
        if not self._remote and not goes_on and self._is_unfinished():
            with self._locked():
                move_aside(Path(self.path))
        storage.make_folder(self.work)
        with self._locked():
            if self._overwrite:
                storage.write_file(storage.join(self.work, _OVERWRITE_FILE), [])
            if not goes_on:
                path = storage.join(self.path, JOB_FILE)
                storage.write_json(path, self._description)
            try:
                yield self.path
            except UsageError:
                self.discard()
                raise
            except BaseException as error:
                self._keep_or_discard(error)
                raise

    def _keep_or_discard(self, error: BaseException) -> None:
        """Raises the error with advice, if there is something to go on with."""
        if self._holds(COMPLETED_FILE):
            return
        if not storage.list_tree(storage.join(self.work, "rows")):
            self.discard()
            return
        advice = f"go on with --resume; {self.path} holds what is done."
        if isinstance(error, Exception):
            told = explain(error)
            raise type(told)(
                told.received, expected=told.expected, fix=f"{told.fix} Then {advice}"
            ) from error
        print(advice, file=sys.stderr)

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._remote else lock_folder(self.work)

    def _check_unlocked(self) -> None:
        with self._locked():
            pass

    def discard(self) -> None:
        """Removes what this job has made."""
        storage.remove_folder(self.path)

    def commit(self, fingerprint: str) -> None:
        """Says that everything is written, and puts it in its place."""
        storage.remove_partial_files(self.path)
        if not self._remote:
            for folder, _, files in os.walk(self.path):
                for name in files:
                    storage.sync(Path(folder) / name)
        completed = storage.join(self.path, COMPLETED_FILE)
        storage.write_file(completed, [f"{fingerprint}\n".encode()])
        self._finish()

    def _finish(self) -> None:
        """Removes the work and renames; may be repeated after a kill."""
        if (
            not self._remote
            and not self._may_replace()
            and is_taken(Path(self._output))
        ):
            raise ElectraError(
                f"something appeared at {self._output} while the job ran",
                expected="nothing there",
                fix=f"Move it, then finish {self.path} with --resume.",
            )
        storage.remove_folder(self.work)
        if not self._remote:
            storage.sync(Path(self.path))
            replace(Path(self.path), Path(self._output))


def write_file(path: str | Path, text: str, *, overwrite: bool = False) -> None:
    """Writes a text file whole or not at all.

    Args:
        path: The output file.
        text: Its content; written as UTF-8.
        overwrite: Move the file that is at `path` aside.

    Raises:
        UsageError: As `check_output`.
        OSError: It cannot be written.
    """
    path = check_output(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial-{secrets.token_hex(4)}")
    try:
        storage.write_file(str(partial), [text.encode("utf-8")])
        check_output(path, overwrite=overwrite)
        replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
