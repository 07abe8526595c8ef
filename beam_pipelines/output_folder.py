"""Where outputs appear: whole, or not at all.

Used by both drivers. Everything is written into a sibling of the output and
renamed at the end; what was there before is moved aside, never deleted.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from electra_keras.errors import UsageError


def check_output(path: str | Path, *, overwrite: bool) -> Path:
    """Checks before any work that an output may be written.

    Raises:
        UsageError: It is remote, or exists and is not an empty folder, and
            `overwrite` is off.
    """
    if "://" in str(path):
        raise UsageError(
            f"--output={path}",
            expected="a local path",
            fix="Write to this machine and copy the result.",
        )
    path = Path(path)
    if _is_taken(path) and not overwrite:
        kind = "folder is not empty" if path.is_dir() else "file exists"
        raise UsageError(
            f"--output={path}: the {kind}",
            expected="a new path",
            fix="Choose another one, or pass --overwrite to move what is there aside.",
        )
    return path


@contextlib.contextmanager
def new_folder(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Gives a partial folder that becomes `path` when the block succeeds.

    When the block fails the partial folder, which this call made, is removed
    and `path` is as it was.

    Args:
        path: The output folder.
        overwrite: Move what is at `path` aside to `path.old-1` (or the next
            free number).

    Yields:
        The partial folder, empty.

    Raises:
        UsageError: As `check_output`.
    """
    path = check_output(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial-{secrets.token_hex(4)}")
    partial.mkdir()
    try:
        yield partial
        sync(partial)
        check_output(path, overwrite=overwrite)  # It may have come meanwhile.
        _replace(partial, path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


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
        partial.write_bytes(text.encode("utf-8"))
        sync(partial)
        check_output(path, overwrite=overwrite)
        _replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Flushes a file, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_taken(path: Path) -> bool:
    if path.is_dir():
        return any(path.iterdir())
    return path.exists() or path.is_symlink()


def _replace(partial: Path, path: Path) -> None:
    """Renames; undoes the moving aside if that fails."""
    aside: Path | None = None
    if _is_taken(path):
        aside = _free_name(path)
        path.rename(aside)
    try:
        partial.rename(path)
    except OSError:
        if aside:
            aside.rename(path)
        raise
    sync(path.parent)
    if aside:
        print(f"what was at {path} is now at {aside}")


def _free_name(path: Path) -> Path:
    number = 1
    while path.with_name(f"{path.name}.old-{number}").exists():
        number += 1
    return path.with_name(f"{path.name}.old-{number}")
