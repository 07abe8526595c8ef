"""The report of a run: one HTML file that opens offline.

Reads the content of `stats.json` and `info.json` and the resolved settings.
`templates/report.html.j2` says what stands where; whatever comes from data
reaches it as text and is escaped there.
"""

from __future__ import annotations

import math
from typing import Any

import jinja2
from markupsafe import Markup

from beam_pipelines.reporting import charts
from beam_pipelines.reporting.labels import PACKINGS, REASONS, title
from beam_pipelines.reporting.nested import flatten
from beam_pipelines.reporting.verdicts import find_problems
from beam_pipelines.reporting.word_changes import mark_changes
from electra_keras.data.visible import show_invisible

_MISSING = "–"
_MAX_SAMPLES = 5  # Of a stage or reason.
_MAX_EXCERPT_CHARACTERS = 300
_MAX_SETTING_CHARACTERS = 400
# Clusters are counted by size, each of the last ones with those up to it.
_SIZE_BINS = {"2": 2, "3": 3, "4": 4, "5": 5, "6 to 10": 10, "11 to 20": 20}
_LARGER = "more"


def make_report(
    stats: dict[str, Any], info: dict[str, Any], config: dict[str, Any]
) -> str:
    """Writes the report.

    Args:
        stats: Content of `stats.json`; sections may be missing.
        info: Content of `info.json`.
        config: The resolved settings, nested.

    Returns:
        HTML without any reference to another file or host.
    """
    rejected = (stats.get("documents") or {}).get("rejected") or {}
    histograms = (stats.get("histograms") or {}).items()
    packing = info.get("packing", "reference")
    return (
        _make_environment()
        .get_template("report.html.j2")
        .render(
            stats=stats,
            info=info,
            totals=_sum_splits(stats.get("splits") or {}),
            problems=find_problems(stats, packing),
            funnel=_make_funnel(stats.get("funnel") or []),
            reasons=_order(rejected),
            meanings=REASONS,
            rejected_samples=_group(stats.get("rejected_samples") or [], "reason"),
            histograms=[
                charts.make_histogram(name, x["edges"], x["counts"])
                for name, x in histograms
                if sum(x["counts"])
            ],
            chart={"width": charts.WIDTH, "height": charts.HEIGHT},
            languages=_order(stats.get("languages") or {}),
            personal_data=_order(stats.get("personal_data") or {}),
            samples=_mark_samples(stats.get("samples") or []),
            packing=PACKINGS.get(packing, ""),
            settings={
                key: _shorten(value) for key, value in flatten(config or {}).items()
            },
        )
    )


def _make_environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("beam_pipelines.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,  # Sections may be missing.
        finalize=_finalize,
    )
    environment.filters |= {
        "count": _format_count,
        "percent": _format_percent,
        "megabytes": _format_megabytes,
        "excerpt": _excerpt,
        "heading": title,
        "by_size": _group_sizes,
    }
    return environment


def _finalize(value: Any) -> Any:
    is_plain = isinstance(value, str) and not isinstance(value, Markup)
    return show_invisible(value) if is_plain else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _format_count(value: Any) -> str:
    return f"{value:,}" if _is_number(value) else _MISSING


def _format_percent(value: Any) -> str:
    if not _is_number(value):
        return _MISSING
    if 0 < value < 0.01:  # 0.08 %, not 0.1 %.
        return f"{100 * value:.2g} %"
    if 0.999 < value < 1:  # What is not all shall not look like it.
        return f"{math.floor(1e4 * value) / 100:.2f} %"
    return f"{100 * value:.1f} %"


def _format_megabytes(value: Any) -> str:
    if not _is_number(value):
        return _MISSING
    return f"{value / 1e6:,.1f} MB" if value >= 1e5 else f"{value / 1e3:,.1f} kB"


def _excerpt(text: str) -> str:
    if len(text) <= _MAX_EXCERPT_CHARACTERS:
        return text
    return text[:_MAX_EXCERPT_CHARACTERS] + " …"


def _shorten(value: Any) -> str:
    text = "" if value is None else str(value)
    if len(text) <= _MAX_SETTING_CHARACTERS:
        return text
    return text[:_MAX_SETTING_CHARACTERS] + " …"


def _order(counts: dict[str, int]) -> list[tuple[str, int, float]]:
    """Largest first: name, count and share of all; those of nothing left out."""
    total = max(1, sum(counts.values()))
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(name, count, count / total) for name, count in ordered if count]


def _group_sizes(sizes: dict[str, int]) -> list[tuple[str, int, float]]:
    """Clusters by size: the bin, how many and their share; no empty bins."""
    counts = dict.fromkeys([*_SIZE_BINS, _LARGER], 0)
    for size, number in sizes.items():
        fits = (name for name, most in _SIZE_BINS.items() if int(size) <= most)
        counts[next(fits, _LARGER)] += number
    total = max(1, sum(counts.values()))
    return [(name, count, count / total) for name, count in counts.items() if count]


def _sum_splits(splits: dict[str, Any]) -> dict[str, Any]:
    def total(key: str) -> int:
        return sum(split.get(key, 0) for split in splits.values())

    if not splits:
        return {}
    unknown_rate = total("unknown_tokens") / max(1, total("text_tokens"))
    examples = total("examples")
    padding = sum(
        split.get("padding_rate", 0.0) * split.get("examples", 0)
        for split in splits.values()
    )
    return {
        "tokens": total("tokens"),
        "examples": examples,
        "padding_rate": padding / max(1, examples),
        "unknown_token_rate": unknown_rate,
    }


def _make_funnel(stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adds to each stage its share of what was read, and what it lost."""
    first = max(1, stages[0]["documents"]) if stages else 1
    before = stages[0]["documents"] if stages else 0
    rows = []
    for stage in stages:
        documents = stage["documents"]
        rows.append({**stage, "share": documents / first, "lost": before - documents})
        before = documents
    return rows


def _group(samples: list[dict[str, Any]], key: str) -> dict[str, list[dict[str, Any]]]:
    """The first few samples of each value of a key."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for sample in samples:
        group = groups.setdefault(sample.get(key, ""), [])
        if len(group) < _MAX_SAMPLES:
            group.append(sample)
    return groups


def _mark_samples(samples: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        stage: [
            {**x, "marked": mark_changes(x.get("before", ""), x.get("after", ""))}
            for x in group
        ]
        for stage, group in _group(samples, "stage").items()
    }
