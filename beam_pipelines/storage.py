"""Files on this machine or behind a scheme such as gs://, read and written.

Used by everything that touches the output folder. A file appears whole or not
at all: it is written under another name and renamed. What leads to it depends
only on the job and the unit, so a repeated attempt gives the same file.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, cast

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

_BLOCK_BYTES = 2**20
_PARTIAL = re.compile(r"\.partial-[0-9a-f]{8}$")


def is_remote(path: str) -> bool:
    """Whether a path has a scheme, as in gs://bucket/folder."""
    return "://" in path


def join(folder: str, *names: str) -> str:
    """Joins a folder and names below it."""
    if is_remote(folder):
        return FileSystems.join(folder, *names)
    return os.path.join(folder, *names)


def open_file(path: str) -> BinaryIO:
    """Opens a file for reading as it is, never decompressing."""
    if is_remote(path):
        return cast(
            BinaryIO,
            FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED),
        )
    return open(path, "rb")


def read_file(path: str) -> bytes:
    """Reads a whole file."""
    with open_file(path) as file:
        return file.read()


def exists(path: str) -> bool:
    """Whether a file is there."""
    return FileSystems.exists(path) if is_remote(path) else os.path.exists(path)


def list_files(folder: str) -> list[str]:
    """Returns the paths of the files directly in a folder, sorted."""
    if is_remote(folder):
        found = FileSystems.match([FileSystems.join(folder, "*")])[0].metadata_list
        return sorted(file.path for file in found)
    paths = glob.glob(os.path.join(glob.escape(folder), "*"))
    return sorted(path for path in paths if os.path.isfile(path))


def list_tree(folder: str) -> list[str]:
    """Returns the paths of all files below a folder, sorted."""
    if is_remote(folder):
        found = FileSystems.match([FileSystems.join(folder, "**")])[0].metadata_list
        return sorted(file.path for file in found)
    return sorted(
        os.path.join(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
    )


def make_folder(path: str) -> None:
    """Makes a folder and those above it, where there are folders."""
    if not is_remote(path):
        os.makedirs(path, exist_ok=True)


def remove_folder(path: str) -> None:
    """Removes a folder that the caller made, with all in it, if it is there."""
    if not is_remote(path):
        shutil.rmtree(path, ignore_errors=True)
    elif files := list_tree(path):
        FileSystems.delete(files)  # A folder's own name is no object of a store.


def remove_partial_files(folder: str) -> None:
    """Removes what `write_file` was killed at, anywhere below a folder."""
    for path in list_tree(folder):
        if _PARTIAL.search(path):
            _remove(path)


def write_file(path: str, blocks: Iterable[bytes]) -> tuple[int, str]:
    """Writes a file whole or not at all.

    Args:
        path: Its name; what is there is replaced.
        blocks: Its content.

    Returns:
        Size in bytes, and sha256.

    Raises:
        OSError: It cannot be written; nothing is left of it.
    """
    digest = hashlib.sha256()
    size_bytes = 0
    partial = f"{path}.partial-{secrets.token_hex(4)}"
    try:
        with _create(partial) as file:
            for block in blocks:
                file.write(block)
                digest.update(block)
                size_bytes += len(block)
            if not is_remote(partial):
                file.flush()
                os.fsync(file.fileno())
        _rename(partial, path)
    except BaseException:
        _remove(partial)
        raise
    return size_bytes, digest.hexdigest()


def write_by_content(folder: str, name: str, data: bytes) -> str:
    """Writes a file whose name tells its content, so that it may be cached.

    Args:
        folder: Where the outputs are made.
        name: Below the folder; the hash goes before its suffix.
        data: Its content.

    Returns:
        Its path.
    """
    stem, suffix = os.path.splitext(name)
    digest = hashlib.sha256(data).hexdigest()
    path = join(folder, f"{stem}-{digest[:16]}{suffix}")
    write_file(path, [data])
    return path


def write_json(path: str, value: Any) -> None:
    """Writes compact JSON, as `write_file`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    write_file(path, [text.encode("utf-8", "surrogatepass")])


def read_json(path: str) -> Any:
    """Reads what `write_json` wrote."""
    return json.loads(read_file(path))


def hash_file(path: str) -> tuple[int, str]:
    """Returns size and sha256 of a file."""
    digest = hashlib.sha256()
    size_bytes = 0
    with open_file(path) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            size_bytes += len(block)
    return size_bytes, digest.hexdigest()


def sync(path: Path) -> None:
    """Flushes a file, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create(path: str) -> BinaryIO:
    if is_remote(path):
        return cast(
            BinaryIO,
            FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED),
        )
    return open(path, "wb")


def _rename(source: str, target: str) -> None:
    if not is_remote(source):
        os.replace(source, target)
        return
    if FileSystems.exists(target):  # Of an attempt before; Beam will not replace it.
        FileSystems.delete([target])
    FileSystems.rename([source], [target])


def _remove(path: str) -> None:
    if is_remote(path):
        if FileSystems.exists(path):
            FileSystems.delete([path])
    elif os.path.exists(path):
        os.unlink(path)
