"""python -m pytest tests/test_rooms.py"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for room in ("electra_keras", "beam_pipelines")
    for path in ROOT.glob(f"{room}/**/*.py")
)
PACKAGES = ("electra_keras", "beam_pipelines", "apache_beam")

# What each room of electra_keras may import of ours, beside itself; the Beam
# side and the commands have lines of their own below.
BASE = {"config", "config_files", "model_config", "errors", "whole_files"}
MAY_IMPORT = {
    "config": {"config_checks", "errors", "model_config"},
    "config_checks": {"errors"},
    "model_config": {"config_checks", "errors"},
    "config_files": {"config", "errors"},
    "errors": set(),
    "whole_files": set(),
    "command_line": {"errors"},
    "data": BASE,
    "models": BASE,
    "objectives": {*BASE, "models", "data"},
    # Reads settings and data; builds nothing.
    "preflight": {*BASE, "data"},
    "training": {*BASE, "preflight", "objectives", "models", "data"},
    # Serving reads what a run wrote, and samples as its objective did.
    "serving": {*BASE, "objectives", "models", "data", "training", "finetuning"},
    # Reads and fills networks of ours.
    "interchange": {*BASE, "objectives", "models", "data", "training"},
    # Its settings are checked as those of a run; it starts from any known format.
    "finetuning": {
        *(*BASE, "config_checks", "interchange"),
        *("objectives", "models", "data", "training"),
    },
    "planning": {*BASE, "objectives", "models", "data", "training"},
    # Stands on top; its command lies within.
    "experiments": {
        *(*BASE, "config_checks", "command_line", "finetuning", "interchange"),
        *("objectives", "models", "data", "training", "planning"),
    },
}
COMMANDS = (
    *("train", "evaluate", "export", "predict"),
    *("convert", "budget", "doctor", "demo", "finetune"),
    "experiments.compare",
)
BEAM_MAY_IMPORT = {
    "electra_keras",  # The version.
    "electra_keras.command_line",
    "electra_keras.config",
    "electra_keras.config_files",
    "electra_keras.data.character_kinds",
    "electra_keras.data.features",
    "electra_keras.data.info",
    "electra_keras.data.tokenizer",
    "electra_keras.data.visible",
    "electra_keras.data.vocabulary",
    "electra_keras.errors",
}


def imported_modules(path: Path) -> Iterator[str]:
    """Modules of ours and of Beam that a source names, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module
            names = [node.module]
            # `from electra_keras.training import evaluation` names a module.
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [name for name in inner if is_module(name)]
            names = found or names
        for name in names:
            if name.partition(".")[0] in PACKAGES:
                yield name


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def in_folder(folder: str) -> list[Path]:
    return [path for path in SOURCES if path.is_relative_to(ROOT / folder)]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_sources_are_found() -> None:
    assert len(in_folder("electra_keras")) > 30
    assert len(in_folder("beam_pipelines")) > 10


@pytest.mark.parametrize("path", in_folder("electra_keras"), ids=relative)
def test_arrows_point_down_the_table_only(path: Path) -> None:
    parts = path.relative_to(ROOT / "electra_keras").with_suffix("").parts
    room = parts[0]
    if room in COMMANDS:
        allowed = {*MAY_IMPORT} - {"models", "objectives"}
    elif room == "__init__":
        allowed = set()
    else:
        allowed = {*MAY_IMPORT[room], room}
    for module in imported_modules(path):
        names = module.split(".")
        assert names[0] == "electra_keras", f"{relative(path)} imports {module}"
        assert len(names) > 1 and names[1] in allowed, module


@pytest.mark.parametrize("path", in_folder("beam_pipelines"), ids=relative)
def test_beam_side_imports_the_record_contract_alone(path: Path) -> None:
    for module in imported_modules(path):
        if module.partition(".")[0] == "electra_keras":
            assert module in BEAM_MAY_IMPORT, f"{relative(path)} imports {module}"


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.name == "__init__.py"], ids=relative
)
def test_init_files_hold_a_docstring_that_says_where_to_start(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    docstring = ast.get_docstring(tree)
    assert docstring is not None
    for part in ("Comes in:", "Goes out:", "Start reading:"):
        assert part in docstring
    rest = [ast.unparse(node) for node in tree.body[1:]]
    if relative(path) == "electra_keras/__init__.py":
        assert len(rest) == 1 and rest[0].startswith("__version__ = ")
    elif relative(path) == "beam_pipelines/__init__.py":
        assert len(rest) == 2 and rest[0] == "import logging"
        assert rest[1].startswith("logging.getLogger().addFilter(")
    else:
        assert rest == []


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def modules_after(code: str) -> set[str]:
    code += "\nimport sys\nprint(*sys.modules, sep='\\n')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


WORKER_SIDE = (
    *("config", "errors", "command_line"),
    *(
        "data.character_kinds",
        "data.features",
        "data.info",
        "data.tokenizer",
        "data.visible",
        "data.vocabulary",
    ),
)


def test_worker_side_names_no_keras() -> None:
    # TensorFlow itself loads keras where it is installed; workers do without.
    sources = in_folder("beam_pipelines")
    sources += [
        ROOT.joinpath("electra_keras", *name.split(".")).with_suffix(".py")
        for name in WORKER_SIDE
    ]
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [str(node.module)]
            roots = {name.partition(".")[0] for name in names}
            assert not roots & {"keras", "keras_hub", "matplotlib"}, relative(path)


def test_beam_modules_load_without_tensorflow() -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in in_folder("beam_pipelines")
        if path.stem[0] != "_"
    ]
    modules = modules_after("\n".join(f"import {name}" for name in names))
    assert "beam_pipelines.preprocess" in modules and "apache_beam" in modules
    assert not modules & {"tensorflow", "keras", "keras_hub", "matplotlib"}


def test_help_needs_neither_tensorflow_nor_keras() -> None:
    names = [f"electra_keras.{name}" for name in COMMANDS]
    modules = modules_after("\n".join(f"import {name}" for name in names))
    assert not modules & {"tensorflow", "keras", "apache_beam"}
