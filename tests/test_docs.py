"""What the documentation says is true: its commands, snippets and paths.

Run alone: python -m pytest tests/test_docs.py

Every ```bash block of the pages below runs, in order, in one shell session in
a folder that has the checkout's `examples` and `configs`; every ```python
block runs in a process of its own in the same folder; a ```text block right
after it is what it prints. Blocks that cannot run here are fenced ```console
and listed in `CONSOLE` with the reason and what covers them.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from beam_pipelines.runner_flags import register_flags
from beam_pipelines.runners import beam_flags

PROJECT = Path(__file__).parent.parent
# In the order of reading; later pages use the folders that the README makes.
PAGES = (
    "README.md",
    "docs/data.md",
    "docs/cleaning.md",
    "docs/runners.md",
    "docs/training.md",
    "docs/chatbot.md",
    "docs/serving.md",
    "docs/objectives.md",
    "docs/fidelity.md",
    "docs/interchange.md",
    "docs/finetuning.md",
    "docs/korean_recipe.md",
    "docs/experiments.md",
)
READMES = ("README.md", "README.ko.md")
ALL_PAGES = (*PAGES, "README.ko.md", "CONTRIBUTING.md", "configs/README.md")
MODEL = "runs/readme/model/1"
COMMANDS = (
    "beam_pipelines.build_vocabulary",
    "beam_pipelines.preprocess",
    "beam_pipelines.inspect",
    "beam_pipelines.diff",
    "electra_keras.train",
    "electra_keras.evaluate",
    "electra_keras.export",
    "electra_keras.predict",
    "electra_keras.convert",
    "electra_keras.budget",
    "electra_keras.doctor",
    "electra_keras.demo",
    "electra_keras.finetune",
    "electra_keras.experiments.compare",
)
# First words of a command that no test runs as it stands, and why.
CONSOLE = {
    "make quickstart": "minutes long; `.ci/run` runs it; Makefile targets checked",
    "make test": "would run itself; `.ci/run` runs it; Makefile targets checked",
    ".ci/run": "would run itself; it is what continuous integration runs",
    "python examples/love_chatbot.py": "names stand for the reader's own files; "
    "test_love_chatbot.py runs all three",
    "zcat reviews_train.txt.gz": "the reader's own corpus; no test needs it",
    "docker run": "no server binary here; the SavedModel is loaded instead",
    "docker compose": "no Docker engine here; test_server_files.py reads the file",
    "cd runs/readme/model": "the folder of the next command",
    "python -m electra_keras.export": "the README's walk runs it; names stand for "
    "the reader's own folders",
    "python -m electra_keras.predict": "names stand for the reader's own folders",
    "python -m electra_keras.finetune": "names stand for the reader's own folders",
    "python examples/grpc_client.py": "no server here; test_serving_messages.py has it "
    "talk to a stand-in",
    "curl": "no server here; the body is put to the SavedModel's signature",
    "tensorboard --logdir": "does not end; --version runs and the logs exist",
    "cp configs/": "the reader changes the copy; every config is loaded by a test",
    "python -m electra_keras.experiments.compare": "hours long; test_comparison.py "
    "runs a small one",
    "python -m electra_keras.train": "names stand for the reader's own folders",
    "python -m electra_keras.doctor --tpu": "test_tpu_linter.py runs it",
    "python -m electra_keras.evaluate": "names stand for the reader's own folders",
    "python -m beam_pipelines.build_vocabulary": "names stand for the reader's own "
    "folders",
    "python -m beam_pipelines.preprocess": "names stand for the reader's own "
    "folders, or clusters; test_runner_equality.py and test_dataflow.py run such",
    "pip install '.[": "installs; the lock has the extras that tests need",
    "dask scheduler": "does not end; test_runner_equality.py starts a cluster",
    "dask worker": "does not end; test_runner_equality.py starts a cluster",
    "python -m electra_keras.demo": "does not end; test_demo.py starts and asks it",
    "source .venv": "the reader's; see `walked`",
    "python -m apache_beam": "does not end; test_runner_equality.py starts both",
    "python -c": "needs Transformers, perhaps a network; test_interchange_torch.py "
    "loads and saves the same",
    "TORCH_PYTHON=": "needs torch; it is that test",
    "TF_CONFIG=": "needs two machines; test_data_parallel.py has two on loopback",
    "docker build": "no Docker engine here",
    "docker push": "no Docker engine and no registry here",
}
LANGUAGES = {"bash", "python", "console", "text"}


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    language: str
    code: str

    @property
    def commands(self) -> list[str]:
        """Shell commands, continued lines joined, comments and empty left out."""
        joined = re.sub(r"\\\n\s*", "", self.code)
        # A quoted JSON body may span lines.
        joined = re.sub(r"'[^']*'", lambda m: " ".join(m[0].split()), joined)
        lines = (re.sub(r"\s+# .*", "", line).strip() for line in joined.split("\n"))
        return [line for line in lines if line and not line.startswith("#")]


def read_blocks(page: str) -> list[Block]:
    """Lists a page's blocks, indented ones (in lists) too."""
    text = (PROJECT / page).read_text("utf-8")
    pattern = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)
    return [
        Block(page, language, re.sub(rf"^{indent}", "", code, flags=re.M))
        for indent, language, code in pattern.findall(text)
    ]


def blocks_of(language: str, pages: tuple[str, ...] = ALL_PAGES) -> list[Block]:
    """Lists the blocks of one language on some pages."""
    return [b for page in pages for b in read_blocks(page) if b.language == language]


def python_blocks() -> list[tuple[Block, str | None]]:
    """Lists Python blocks, each with the output printed below it, or None."""
    found = []
    for page in PAGES:
        blocks = read_blocks(page)
        text = (PROJECT / page).read_text("utf-8")
        for block, after in zip(
            blocks, [*blocks[1:], None][: len(blocks)], strict=True
        ):
            if block.language != "python":
                continue
            is_output = after is not None and (
                f"{block.code}```\n\n```text\n{after.code}" in text
            )
            found.append((block, after.code if after and is_output else None))
    return found


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which every ```bash block has run, in order."""
    folder = tmp_path_factory.mktemp("docs")
    for name in ("configs", "examples"):
        (folder / name).symlink_to(PROJECT / name)
    # Whatever environment the tests run in stands for the reader's .venv.
    activate = folder / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    binaries = shlex.quote(str(Path(sys.executable).parent))
    activate.write_text(f'export PATH={binaries}:"$PATH"\n')
    script = "\n".join(block.code for block in blocks_of("bash", PAGES))
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        # Tables are as wide as on the pages.
        env=os.environ | {"PYTHONPATH": str(PROJECT), "COLUMNS": "80"},
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    (folder / "session.txt").write_text(run.stdout, "utf-8")
    return folder


def test_bash_blocks_run_and_answer(walked: Path) -> None:
    output = (walked / "session.txt").read_text("utf-8")
    assert "runs/readme/vocab.txt: 3,000 entries" in output
    assert "evaluated" in output and "exported step 20" in output
    lines = [x for x in output.splitlines() if x.startswith('{"tokens"')]
    assert len(lines) == 2
    for line in lines:
        row = json.loads(line)
        assert len(row["tokens"]) == len(row["replaced_probability"])
        assert len(row["start"]) == len(row["end"]) == len(row["tokens"])


def test_page_shows_what_the_doctor_prints(walked: Path) -> None:
    (shown,) = (
        b.code
        for b in blocks_of("text", ("docs/training.md",))
        if "preflight" in b.code
    )
    output = (walked / "session.txt").read_text("utf-8")
    lines = [line.rstrip() for line in output.splitlines()]
    assert shown.rstrip("\n") in "\n".join(lines)


def test_page_shows_what_a_fine_tuning_sets_aside(walked: Path) -> None:
    (shown,) = (b.code for b in blocks_of("text", ("docs/finetuning.md",)))
    assert shown in (walked / "session.txt").read_text("utf-8")


def test_page_lists_every_setting_of_a_task() -> None:
    from electra_keras.finetuning.task_config import TaskConfig
    from electra_keras.finetuning.tuned_folder import flatten

    page = (PROJECT / "docs/finetuning.md").read_text("utf-8")
    table = page.partition("## Settings")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([\w.]+)` \| `?([\w.]+)`? \|", table, re.M))
    ours = flatten(dataclasses.asdict(TaskConfig()))
    names = {"None": "null", "()": "none"}
    assert rows == {k: names.get(str(v), str(v)) for k, v in ours.items()}


def test_recipe_says_what_budget_says() -> None:
    from electra_keras.config_files import load_config
    from electra_keras.planning.devices import find_device
    from electra_keras.planning.plan import make_plan
    from electra_keras.planning.table import show_bytes, show_secs

    page = (PROJECT / "docs/korean_recipe.md").read_text("utf-8")
    (header,) = re.findall(r"^\| route \| config \|.+", page, re.M)
    devices = [find_device(name) for name in header.strip("| ").split(" | ")[7:]]
    rows = re.findall(r"^\| [a-d] \| `(\w+)` \|(.*?)\| ([\d,]+) \| (.+) \|", page, re.M)
    assert len(rows) == 7 and len(devices) == 6
    for name, settings, entries, said in rows:
        replicas, *said = said.split(" | ")
        config = load_config(
            PROJECT / f"configs/{name}.yaml", re.findall(r"`(.+?)`", settings)
        )
        plan = make_plan(
            config,
            vocabulary_size=int(entries.replace(",", "")),
            replicas=int(replicas),
        )
        assert said == [
            f"{plan.train_flops:.2e}",
            show_bytes(plan.peak_bytes(plan.rows_per_replica)),
            *(show_secs(plan.secs_at(device.flops_per_sec)) for device in devices),
        ]
    # 36.0 hours and 4.3 days of eight devices.
    hours = [
        make_plan(
            load_config(PROJECT / f"configs/{name}.yaml"), vocabulary_size=entries
        ).secs_at(find_device("a100_tf32_x8").flops_per_sec)
        / 3600
        * 8
        for name, entries in (
            ("koelectra_small_v3", 35_000),
            ("kcelectra_base", 50_135),
        )
    ]
    assert [round(x) for x in hours] == [288, 827]
    assert "288 A100 hours" in page and "827 A100 hours" in page


@pytest.mark.parametrize(
    ("block", "expected"),
    python_blocks(),
    ids=[f"{b.page}-{b.code.split()[1]}" for b, _ in python_blocks()],
)
def test_python_blocks_run_and_print(
    block: Block, expected: str | None, walked: Path
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", block.code],
        cwd=walked,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert run.returncode == 0, run.stderr[-4000:]
    if expected is not None:
        assert run.stdout == expected


def test_reader_for_other_trainers_agrees_with_ours(
    walked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np
    import tensorflow as tf

    from electra_keras.data.features import parse_examples

    (code,) = (b.code for b in blocks_of("python") if "padded_batch" in b.code)
    assert "electra_keras" not in code
    monkeypatch.chdir(walked)
    namespace: dict = {}
    exec(code, namespace)  # The page's own code, as a reader would paste it.
    records = tf.data.TFRecordDataset(namespace["files"], compression_type="GZIP")
    for theirs, batch in zip(namespace["dataset"], records.batch(32), strict=True):
        ours = parse_examples(batch, 64)
        for name, our_name in (
            ("input_ids", "token_ids"),
            ("token_type_ids", "segment_ids"),
            ("attention_mask", "padding_mask"),
        ):
            np.testing.assert_array_equal(theirs[name], ours[our_name])


def test_serving_snippets_need_nothing_of_this_project() -> None:
    blocks = blocks_of("python", ("docs/serving.md",))
    assert len(blocks) == 2  # A SavedModel, and LiteRT.
    for block in blocks:
        assert "electra_keras" not in block.code


def test_curl_bodies_fit_the_signatures(walked: Path) -> None:
    import tensorflow as tf
    import tensorflow_text  # noqa: F401

    commands = [c for b in blocks_of("console") for c in b.commands if "curl" in c]
    assert len(commands) >= 5
    signatures = tf.saved_model.load(str(walked / MODEL)).signatures
    for command in commands:
        words = shlex.split(command)
        assert words[1] == "http://127.0.0.1:8501/v1/models/electra:predict"
        body = json.loads(words[words.index("-d") + 1])
        signature = signatures[body.pop("signature_name", "serving_default")]
        specs = signature.structured_input_signature[1]
        columns = body["inputs"] if "inputs" in body else by_column(body, list(specs))
        assert columns.keys() == specs.keys()
        inputs = {k: tf.constant(v, specs[k].dtype) for k, v in columns.items()}
        rows = {len(column) for column in columns.values()}
        assert {len(value) for value in signature(**inputs).values()} == rows


def by_column(body: dict, names: list[str]) -> dict[str, list]:
    """Turns REST's row form into columns, as TensorFlow Serving does."""
    rows = body["instances"]
    if len(names) == 1:
        return {names[0]: rows}
    return {name: [row[name] for row in rows] for name in names}


def test_every_fence_has_a_known_language() -> None:
    for page in ALL_PAGES:
        for block in read_blocks(page):
            assert block.language in LANGUAGES, f"{page}: ```{block.language}"


def test_every_console_command_is_listed_and_no_entry_is_left_over() -> None:
    used = set()
    for block in blocks_of("console"):
        for command in block.commands:
            known = [start for start in CONSOLE if command.startswith(start)]
            assert known, f"{block.page}: {command} is neither run nor listed"
            used.update(known)
    assert used == set(CONSOLE)


def test_continuous_integration_runs_what_no_test_runs() -> None:
    script = PROJECT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text("utf-8")
    assert "set -euo pipefail" in text
    assert re.search(r"^make test$", text, re.M)
    assert re.search(r"^make quickstart ", text, re.M)


def test_make_commands_are_targets_and_pass_their_variables() -> None:
    commands = {
        command
        for block in blocks_of("console")
        for command in block.commands
        if command.startswith("make ")
    }
    assert commands
    for command in commands:
        output = dry_run(shlex.split(command))
        for word in shlex.split(command):
            name, equals, value = word.partition("=")
            if equals:
                assert f"--{name.lower()}='{value}'" in output
    settings = "SETTINGS=train.train_steps=5000 train.learning_rate=5e-4"
    assert settings.replace("=", "='", 1) + "'" in (PROJECT / "README.md").read_text()
    words = shlex.split(dry_run(["make", "quickstart", settings]))
    assert "--set=train.train_steps=5000" in words
    assert "--set=train.learning_rate=5e-4" in words


def dry_run(command: list[str]) -> str:
    """Returns what `make` would run, as if the set-up were up to date."""
    run = subprocess.run(
        [*command, "--dry-run", "--old-file=.venv/.ready"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_tensorboard_is_there_and_finds_logs(walked: Path) -> None:
    binary = Path(sys.executable).parent / "tensorboard"
    subprocess.run([binary, "--version"], check=True, capture_output=True)
    for block in blocks_of("console"):
        for command in block.commands:
            if command.startswith("tensorboard"):
                logs = walked / command.partition("--logdir=")[2]
                assert list(logs.rglob("events.out.tfevents*"))


@pytest.fixture(scope="session")
def flags_of() -> dict[str, set[str]]:
    """The flags in the `--help` of every command."""
    flags = {}
    for module in COMMANDS:
        run = subprocess.run(
            [sys.executable, "-m", module, "--help"],
            cwd=PROJECT,
            check=True,
            capture_output=True,
            text=True,
        )
        flags[module] = set(re.findall(r"--\w+", run.stdout)) | {"--help"}
    # The Beam commands pass on what Beam knows.
    register_flags(["--runner=DaskRunner"])
    for module in COMMANDS[:2]:
        flags[module] |= beam_flags()
    return flags


def test_flags_exist(flags_of: dict[str, set[str]]) -> None:
    checked = 0
    for page in ALL_PAGES:
        text = (PROJECT / page).read_text("utf-8")
        joined = re.sub(r"\\\n\s*", "", text)
        for module, arguments in re.findall(
            r"((?:beam_pipelines|electra_keras)\.[\w.]+) (--[^\n|`]*)", joined
        ):
            for flag in re.findall(r"(?<!\S)--[\w-]+", arguments):
                assert flag in flags_of[module], f"{page}: {module} {flag}"
                checked += 1
        # A flag in running text belongs to one of the commands.
        for flag in re.findall(r"`(--\w+)", text):
            assert flag in set().union(*flags_of.values()), f"{page}: {flag}"
    assert checked > 30


def test_settings_and_objective_names_exist() -> None:
    from electra_keras.config import ExperimentConfig

    known = ExperimentConfig().to_dict()
    for page in ALL_PAGES:
        text = (PROJECT / page).read_text("utf-8")
        for section, name in re.findall(
            r"(?<![\w.])(model|data|train)\.([a-z_]+)", text
        ):
            if name not in ("py", "md", "compile", "signatures", "safetensors", "ckpt"):
                assert name in known[section], f"{page}: {section}.{name}"


def test_tensorboard_tags_and_metrics_of_the_glossary_exist() -> None:
    from electra_keras.objectives.electra import ElectraObjective
    from electra_keras.training.metrics import ElectraMetrics
    from electra_keras.training.monitoring import _TAGS

    page = (PROJECT / "docs/training.md").read_text("utf-8")
    glossary = page.partition("## Metrics")[2].partition("### What is normal")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (?:`([\w/]+)`)? *\|", glossary, re.M))
    assert {name: rows.get(name) for name in _TAGS} == _TAGS
    names = {metric.name for metric in ElectraMetrics(ElectraObjective({})).all}
    assert names - {"waited_secs"} <= rows.keys()  # It becomes `waiting_rate`.


def test_links_lead_to_files() -> None:
    missing = []
    for page in ALL_PAGES:
        text = (PROJECT / page).read_text("utf-8")
        prose = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)]+)\)", prose):
            path = (PROJECT / page).parent / target.partition("#")[0]
            if not target.startswith("https://") and not path.exists():
                missing.append(f"{page}: {target}")
    assert not missing


def test_paths_in_the_text_exist() -> None:
    roots = ("electra_keras", "beam_pipelines", "configs", "examples", "tests")
    roots = (*roots, "docs", "benchmarks", ".ci")
    for page in ALL_PAGES:
        text = (PROJECT / page).read_text("utf-8")
        for path in re.findall(r"`([\w./-]+)`", text):
            if path.split("/")[0] in roots and "/" in path:
                assert (PROJECT / path).exists(), f"{page}: {path}"
        for path in re.findall(r"(?:configs|examples)/[\w./-]+\.\w+", text):
            assert (PROJECT / path).exists(), f"{page}: {path}"


def read_map(page: str) -> set[str]:
    """Reads the annotated tree of a README into paths."""
    (tree,) = (
        b.code
        for b in read_blocks(page)
        if b.language == "text" and "pretrainer.py" in b.code
    )
    paths, folders = set(), []
    for line in tree.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth:] = [name.rstrip("/")]
        assert len(line.split()) > 1, f"{page}: no phrase for {name}"
        paths.add("/".join(folders))
    return paths


@pytest.mark.parametrize("page", READMES)
def test_the_map_shows_every_module(page: str) -> None:
    shown = read_map(page)
    for path in shown:
        assert (PROJECT / path).exists(), f"{page} shows {path}"
    modules = {
        str(path.relative_to(PROJECT))
        for room in ("beam_pipelines", "electra_keras")
        for path in (PROJECT / room).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert modules - shown == set()


def test_both_readmes_are_in_step() -> None:
    texts = [(PROJECT / page).read_text("utf-8") for page in READMES]
    for language in ("bash", "python", "console"):
        english, korean = ([b.code for b in blocks_of(language, (p,))] for p in READMES)
        assert english == korean
    assert read_map(READMES[0]) == read_map(READMES[1])
    levels = [re.findall(r"^(#+) ", text, re.M) for text in texts]
    assert levels[0] == levels[1]
    rows = [len(re.findall(r"^\|", text, re.M)) for text in texts]
    assert rows[0] == rows[1]
    links = [sorted(re.findall(r"\]\(([^)]+)\)", text)) for text in texts]
    assert [x for x in links[0] if not x.startswith("README")] == [
        x for x in links[1] if not x.startswith("README")
    ]
    assert texts[0].splitlines()[0] == "[한국어](README.ko.md)"
    assert texts[1].splitlines()[0] == "[English](README.md)"


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.match(r"[\w-]+", entry)[0] for group in groups for entry in group}
    text = (PROJECT / "CONTRIBUTING.md").read_text("utf-8")
    assert set(re.findall(r"^- `([\w-]+)`:", text, re.M)) == names
    assert len(text.splitlines()) <= 60


def test_console_scripts_are_those_of_the_package() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    for page in READMES:
        text = (PROJECT / page).read_text("utf-8")
        assert set(re.findall(r"`(electra-(?!keras)[\w-]+)`", text)) == set(
            project["scripts"]
        )


def test_every_config_is_listed() -> None:
    text = (PROJECT / "configs/README.md").read_text("utf-8")
    listed = set(re.findall(r"\]\((\w+\.yaml)\)", text))
    assert listed == {path.name for path in (PROJECT / "configs").glob("*.yaml")}
