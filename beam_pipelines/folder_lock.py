"""One writer for a folder on this machine.

Used by `output_folder.py`. The lock is the system's, on a file in the folder:
it ends with its process, however that ends, and the processes that a runner
starts do not hold it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from electra_keras.errors import ElectraError

LOCK_FILE = "lock"


@contextlib.contextmanager
def lock_folder(folder: str) -> Iterator[None]:
    """Locks a folder while the block runs.

    Raises:
        ElectraError: Another process has locked it, or just moved it away.
    """
    path = os.path.join(folder, LOCK_FILE)
    if not os.path.isdir(folder):
        raise _make_error(folder)
    with open(path, "ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _make_error(folder) from error
        if not _is_at(lock.fileno(), path):
            raise _make_error(folder)
        yield


def _is_at(descriptor: int, path: str) -> bool:
    """Whether an open file still has this path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _make_error(folder: str) -> ElectraError:
    return ElectraError(
        f"another process is writing {os.path.dirname(folder)}",
        expected="one writer",
        fix="Wait for it, or choose another --output.",
    )
