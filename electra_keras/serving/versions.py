"""Folders of versions: the next one appears whole, and no earlier one is touched.

Used by `export.py` and `task_export.py`.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from electra_keras.errors import UsageError
from electra_keras.serving.server_files import write_shared_files


def check_versions_folder(output: Path) -> None:
    """Checks that a folder can hold versions.

    Raises:
        UsageError: It is a file.
    """
    if output.exists() and not output.is_dir():
        raise UsageError(
            f"{output} is a file",
            expected="a folder for the model's versions",
            fix="Choose another --output.",
        )


def add_version(output: Path, write: Callable[[Path], None]) -> Path:
    """Writes the next version, and files for a server beside the first.

    Args:
        output: Folder of versions: 1, 2, 3...
        write: Writes a version into a folder that does not exist yet.

    Returns: The version's folder.
    """
    output.mkdir(parents=True, exist_ok=True)
    partial = output / f"partial-{uuid.uuid4().hex}"
    try:
        write(partial)
        write_shared_files(output)
        numbers = [int(p.name) for p in output.iterdir() if p.name.isdigit()]
        version = output / str(1 + max(numbers, default=0))
        partial.rename(version)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return version
