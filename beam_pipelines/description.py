"""What a finished folder says of itself, for machines and for people.

After the audit: `info.json`, `stats.json`, `manifest.json`, `config.yaml`, the
report and the data card. Only the report tells of time and runner; all the rest
is the same bytes for the same job.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from beam_pipelines import storage
from beam_pipelines.jobs import Row
from beam_pipelines.manifest import write_manifest
from beam_pipelines.reporting.data_card import make_data_card
from beam_pipelines.reporting.report import make_report
from beam_pipelines.shards import ShardSettings

REPORT_FILE, CARD_FILE = "report.html", "data_card.md"


def describe_folder(
    stats: dict[str, Any],
    written: Sequence[Row],
    settings: ShardSettings,
    description: dict[str, Any],
    *,
    run: Mapping[str, Any],
) -> str:
    """Writes all that describes a folder.

    Args:
        stats: The content of `stats.json`.
        written: Rows of all shards.
        settings: Of all shards.
        description: Of the job, from `describe_job`.
        run: How long it took, and on what; for the report alone.

    Returns:
        The fingerprint of the data.
    """
    info = write_manifest(written, stats, settings, description)
    content = json.loads(info.to_json())
    config = settings.config.recipe()
    texts = {
        REPORT_FILE: make_report({**stats, **run}, content, config),
        CARD_FILE: make_data_card(stats, content, config),
    }
    for name, text in texts.items():
        data = text.encode("utf-8", "replace")
        storage.write_file(storage.join(settings.folder, name), [data])
    return info.fingerprint
