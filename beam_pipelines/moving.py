"""Paths on this machine that make room: moved aside, never deleted.

Used by `output_folder.py`.
"""

from __future__ import annotations

from pathlib import Path

from beam_pipelines import storage


def is_taken(path: Path) -> bool:
    """Whether there is anything at a path but an empty folder."""
    if path.is_dir():
        return any(path.iterdir())
    return path.exists() or path.is_symlink()


def replace(partial: Path, path: Path) -> None:
    """Renames, with what is at `path` moved aside; undoes that if it fails."""
    aside = move_aside(path) if is_taken(path) else None
    try:
        partial.rename(path)
    except OSError:
        if aside:
            aside.rename(path)
        raise
    storage.sync(path.parent)


def move_aside(path: Path) -> Path:
    """Renames to the first free PATH.old-1, PATH.old-2..., and tells so."""
    number = 1
    while path.with_name(f"{path.name}.old-{number}").exists():
        number += 1
    aside = path.with_name(f"{path.name}.old-{number}")
    path.rename(aside)
    print(f"what was at {path} is now at {aside}")
    return aside
