"""What decides the output of a job, compared before the job goes on.

Used by `output_folder.py`. An unfinished job says it in `job.json`; a finished
one in `manifest.json` and `config.yaml`, which hold all but the times of files.
"""

from __future__ import annotations

from typing import Any

import yaml

from beam_pipelines import storage
from beam_pipelines.manifest import CONFIG_FILE, MANIFEST_FILE
from electra_keras.errors import UsageError

JOB_FILE = "work/job.json"
FILE_TIMES = "files_modified_ns"  # Kept out of the manifest: a copy has others.
_MAX_VALUE_CHARACTERS = 100


def check_same(folder: str, description: dict[str, Any]) -> None:
    """Checks that a folder is the output of a job, finished or not.

    Args:
        folder: Where the output is.
        description: Of the job, from `describe_job`.

    Raises:
        UsageError: It is of another one; the first difference is named.
    """
    before = _read_description(folder)
    now = dict(description)
    if FILE_TIMES not in before:
        now.pop(FILE_TIMES, None)
    different = first_difference(before, now)
    if different:
        raise UsageError(
            f"--resume of a job with {different}",
            expected="the same input, vocabulary, settings and version",
            fix="Use what it was started with, or start anew in another folder.",
        )


def _read_description(folder: str) -> dict[str, Any]:
    job = storage.join(folder, JOB_FILE)
    if storage.exists(job):
        return storage.read_json(job)
    manifest = storage.join(folder, MANIFEST_FILE)
    config = storage.join(folder, CONFIG_FILE)
    if not (storage.exists(manifest) and storage.exists(config)):
        return {}
    description = storage.read_json(manifest)
    del description["fingerprint"], description["shards"]
    return {**description, "settings": yaml.safe_load(storage.read_file(config))}


def first_difference(before: Any, now: Any, key: str = "") -> str:
    """Names the first key whose values differ, with both; "" if none does."""
    if isinstance(before, list) and isinstance(now, list):
        before, now = dict(enumerate(before)), dict(enumerate(now))
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted({*before, *now}):
            inner = f"{key}.{name}" if key else str(name)
            different = first_difference(before.get(name), now.get(name), inner)
            if different:
                return different
        return ""
    return "" if before == now else f"{key} {_shorten(before)}, now {_shorten(now)}"


def _shorten(value: Any) -> str:
    if value is None:
        return "absent"
    text = repr(value)
    cut = text[:_MAX_VALUE_CHARACTERS]
    return cut if cut == text else f"{cut}..."
