"""Nested settings and statistics as flat ones: {"shards.compression": "gzip"}.

Used by the report, the data card and the comparison of two folders.
"""

from __future__ import annotations

from typing import Any

_NAMES = ("stage", "file", "name")  # Keys that tell the items of a list apart.


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Joins the keys of nested dicts and lists with dots.

    Args:
        value: As JSON gives it. An item of a list is named by its "stage",
            "file" or "name", else by its place.
        prefix: Key of `value` itself.

    Returns:
        Numbers, texts, None and empty containers by key, in order.
    """
    if isinstance(value, dict) and value:
        pairs = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list) and value:
        pairs = [(_name(item, place), item) for place, item in enumerate(value)]
        if len({name for name, _ in pairs}) < len(pairs):
            pairs = [(str(place), item) for place, item in enumerate(value)]
    else:
        return {prefix: value} if prefix else {}
    flat: dict[str, Any] = {}
    for name, inner in pairs:
        flat |= flatten(inner, f"{prefix}.{name}" if prefix else name)
    return flat


def _name(item: Any, place: int) -> str:
    if isinstance(item, dict):
        for key in _NAMES:
            if item.get(key):
                return str(item[key])
    return str(place)
