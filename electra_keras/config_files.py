"""Configuration files and overrides: only what differs from the defaults.

Reads a YAML file of `configs/` and `--set section.key=value`, gives the
dataclasses of `config.py`. An unknown key or a wrong type is an error.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from electra_keras.config import ExperimentConfig
from electra_keras.errors import UsageError

Config = TypeVar("Config")


def load_config(
    path: str | Path | None = None, overrides: Sequence[str] = ()
) -> ExperimentConfig:
    """Reads the settings of a training run, as `load_config_as`."""
    return load_config_as(ExperimentConfig, path, overrides)


def load_config_as(
    kind: type[Config],
    path: str | Path | None = None,
    overrides: Sequence[str] = (),
    sections: Mapping[str, Any] | None = None,
) -> Config:
    """Reads a YAML file and applies overrides.

    Args:
        kind: The dataclass of all settings; its fields are sections.
        path: A file that lists what differs from the defaults; None: nothing.
        overrides: "section.key=value" each; later ones win.
        sections: Values by section and key from elsewhere, such as flags;
            they win over the file, and `overrides` over them.

    Raises:
        UsageError: No such file, not YAML, an unknown key (the nearest valid
            one is named), or a value of the wrong type.
    """
    names = ", ".join(
        field.name for field in dataclasses.fields(typing.cast(Any, kind))
    )
    values = _read_yaml(Path(path), names) if path is not None else {}
    for section, keys in (sections or {}).items():
        known = values.get(section) or {}
        merge = isinstance(known, dict) and isinstance(keys, dict)
        values[section] = {**known, **keys} if merge else keys
    for override in overrides:
        key, equals, text = override.partition("=")
        section, dot, name = key.partition(".")
        if not (equals and dot):
            raise UsageError(
                f"--set {override}",
                expected="section.key=value, such as train.learning_rate=3e-4",
                fix="Write it in this form.",
            )
        known = values.get(section) or {}
        if isinstance(known, list | tuple):
            raise UsageError(
                f"--set {override}, where {section} is a list",
                expected="a section of single values",
                fix="Write it into the file of --config.",
            )
        if isinstance(known, dict):  # Else `_build` says what is wrong with it.
            values[section] = {**known, name: _parse_value(override, text)}
    return typing.cast(Config, _build(kind, values, "", kind))


def _parse_value(override: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(
            f"--set {override}",
            expected="a number, a word, true, false or null as the value",
            fix="Write it in this form.",
        ) from None


def _read_yaml(path: Path, sections: str) -> dict[str, Any]:
    if not path.is_file():
        raise UsageError(
            f"no configuration file at {path}",
            expected="a YAML file such as those in configs/",
            fix="Check --config.",
        )
    try:
        values = yaml.safe_load(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} is not valid YAML ({' '.join(str(error).split())})",
            expected=f"sections {sections} with key: value lines",
            fix="Mend the file.",
        ) from None
    if not isinstance(values, dict):
        raise UsageError(
            f"{path} holds a {type(values).__name__}",
            expected=f"sections {sections} with key: value lines",
            fix="Mend the file.",
        )
    return values


def _build(kind: type, values: Any, prefix: str, root: type) -> Any:
    name = prefix.rstrip(".") or "the configuration"
    if values is None:  # A section without keys, as YAML reads it.
        values = {}
    if not isinstance(values, dict):
        raise UsageError(
            f"{name} is {values!r}",
            expected="key: value lines",
            fix="Indent its keys below it.",
        )
    hints = typing.get_type_hints(kind)
    arguments = {}
    for key, value in values.items():
        if key not in hints:
            raise _unknown_key(f"{prefix}{key}", root)
        if dataclasses.is_dataclass(hints[key]):
            arguments[key] = _build(hints[key], value, f"{prefix}{key}.", root)
        elif (item := _list_item(hints[key])) is not None:
            items = value if isinstance(value, list | tuple) else [value]
            arguments[key] = tuple(
                _build(item, entry, f"{prefix}{key}.", root) for entry in items
            )
        elif typing.get_origin(hints[key]) is tuple:
            items = value if isinstance(value, list | tuple) else [value]
            hint = typing.get_args(hints[key])[0]
            arguments[key] = tuple(
                _coerce(f"{prefix}{key}", entry, hint) for entry in items
            )
        else:
            arguments[key] = _coerce(f"{prefix}{key}", value, hints[key])
    return kind(**arguments)


def _list_item(hint: Any) -> type | None:
    """The dataclass of `tuple[Dataclass, ...]`, else None."""
    if typing.get_origin(hint) is not tuple:
        return None
    item = typing.get_args(hint)[0]
    return item if dataclasses.is_dataclass(item) else None  # type: ignore[return-value]


def _unknown_key(key: str, root: type) -> UsageError:
    valid = []
    for section, hint in typing.get_type_hints(root).items():
        kind = _list_item(hint) or hint
        if dataclasses.is_dataclass(kind):
            valid += [f"{section}.{field.name}" for field in dataclasses.fields(kind)]
        else:
            valid.append(section)
    section = key.partition(".")[0]
    sections = list(dict.fromkeys(name.partition(".")[0] for name in valid))
    nearest = difflib.get_close_matches(key, [*valid, *sections], n=1)
    siblings = [name for name in valid if name.startswith(f"{section}.")]
    if nearest:
        expected = f"a valid key; the nearest is {nearest[0]}"
    elif siblings:
        expected = f"one of {', '.join(siblings)}"
    else:
        expected = f"one of the sections {', '.join(sections)}"
    return UsageError(
        f"unknown configuration key {key}",
        expected=expected,
        fix=f"See {root.__module__.replace('.', '/')}.py for all of them.",
    )


def _coerce(key: str, value: Any, hint: Any) -> Any:
    """Checks a value's type; YAML 1.1 reads 3e-4 as text, which is mended."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and type(None) in kinds:
        return None
    if float in kinds and not isinstance(value, bool):
        try:
            return float(value)
        except (TypeError, ValueError):
            pass
    elif type(value) in kinds:
        return value
    names = " or ".join("nothing" if k is type(None) else k.__name__ for k in kinds)
    raise UsageError(
        f"{key} is {value!r} ({type(value).__name__})",
        expected=names,
        fix="Give a value of that type.",
    )
