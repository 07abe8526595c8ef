"""python -m pytest tests/test_boards.py"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from electra_keras import train as train_command
from electra_keras.config import ExperimentConfig, ModelConfig
from electra_keras.data.dataset import make_eval_dataset
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.objectives.shared.objective import ObjectiveSettings
from electra_keras.objectives.shared.registry import find_objective
from electra_keras.training.boards import held_out as held_out_board
from electra_keras.training.boards.held_out import HeldOutBoards, take_rows
from electra_keras.training.boards.histogram_board import (
    HistogramBoard,
    split_probabilities,
    thin_out,
)
from electra_keras.training.boards.memory_board import measure_memory
from electra_keras.training.boards.profiling import parse_profile_steps
from electra_keras.training.boards.projector import (
    TENSOR_NAME,
    choose_tokens,
    count_tokens,
    describe_tokens,
    find_script,
)
from electra_keras.training.boards.sample_board import SampleBoard, draw_sample
from electra_keras.training.samples import SampleToken
from electra_keras.training.saved_run import load_run

Steps = dict[str, list[int]]
EVALUATED = [4, 8, 9]
WEIGHTS = {
    "embeddings/token_embeddings",
    "generator_encoder/block_0/query_key_value/kernel",
    "generator_encoder/block_0/output/kernel",
    "masked_lm_head/transform/kernel",
    *(
        f"discriminator_encoder/block_{block}/{name}/kernel"
        for block in (0, 1)
        for name in ("query_key_value", "output")
    ),
    "replaced_token_head/transform/kernel",
}
HISTOGRAMS = {
    *(f"weights/{path}" for path in WEIGHTS),
    "discriminator/probability_of_original",
    "discriminator/probability_of_replaced",
}


def read_logs(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), {"tensors": 0}).Reload()


def steps_of(folder: Path, plugin: str) -> Steps:
    """Tags of one plugin in a folder of logs, each with its steps."""
    logs = read_logs(folder)
    return {
        tag: [event.step for event in logs.Tensors(tag)]
        for tag in logs.Tags()["tensors"]
        if logs.SummaryMetadata(tag).plugin_data.plugin_name == plugin
    }


# A whole run ---------------------------------------------------------------------


def test_a_run_shows_all_this_at_its_optimizer_steps(run_folder: Path) -> None:
    train, validation = run_folder / "logs/train", run_folder / "logs/validation"
    memory = steps_of(train, "scalars")["memory/resident_bytes"]
    assert memory == [2, 4, 6, 8, 9]
    assert steps_of(validation, "text") == {
        f"samples/{number}": EVALUATED for number in (1, 2, 3, 4)
    }
    assert steps_of(validation, "histograms") == dict.fromkeys(HISTOGRAMS, EVALUATED)
    assert not (run_folder / "watchdog.jsonl").exists()
    assert not (run_folder / "logs/plugins").exists()


def test_text_in_tensorboard_shows_masks_and_coloured_cells(run_folder: Path) -> None:
    from tensorboard.plugin_util import markdown_to_safe_html

    (text,) = (
        read_logs(run_folder / "logs/validation")
        .Tensors("samples/1")[0]
        .tensor_proto.string_val
    )
    html = markdown_to_safe_html(text)
    assert "<td>[MASK]</td>" in html and "<th>[CLS]</th>" in html
    for line in ("masked", "sampled", "replaced"):
        assert f"<td><strong>{line}</strong></td>" in html
    assert "🔴" in html and "%</td>" in html


@pytest.fixture(scope="module")
def resumed_run(
    run_folder: Path,
    data_folder: Path,
    tiny_config: ExperimentConfig,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The run once more from step 6, by the command, two steps of it profiled."""
    folder = tmp_path_factory.mktemp("resumed")
    shutil.copytree(run_folder, folder / "run")
    for step in (8, 9):
        shutil.rmtree(folder / f"run/checkpoints/step-{step:08d}")
    (folder / "tiny.yaml").write_text(tiny_config.to_yaml())
    flags = [f"--config={folder / 'tiny.yaml'}", f"--data={data_folder}"]
    flags += [f"--output={folder / 'run'}", "--profile_steps=6:8"]
    assert train_command.main(flags) == 0
    return folder / "run"


def test_a_resumed_run_goes_on_by_the_optimizers_step(resumed_run: Path) -> None:
    train, validation = resumed_run / "logs/train", resumed_run / "logs/validation"
    memory = steps_of(train, "scalars")["memory/resident_bytes"]
    assert memory == [2, 4, 6, 8, 9, 8, 9]
    texts = steps_of(validation, "text")
    assert set(texts) == {f"samples/{number}" for number in (1, 2, 3, 4)}
    assert texts["samples/1"] == [4, 8, 9, 8, 9]
    # The same weights said the same.
    events = read_logs(validation).Tensors("samples/1")
    texts_at = [(e.step, e.tensor_proto.string_val[0]) for e in events]
    assert texts_at[1:3] == texts_at[3:5]


def test_profile_of_the_steps_asked_for(resumed_run: Path) -> None:
    (profile,) = resumed_run.glob("logs/plugins/profile/*/*.xplane.pb")
    assert profile.stat().st_size > 1_000


@pytest.mark.parametrize("text", ["5", "5:5", "7:5", "a:b", "0:10", "-1:5", ""])
def test_other_profile_steps_are_refused(text: str) -> None:
    assert parse_profile_steps("0:9", 9) == (0, 9)
    with pytest.raises(UsageError, match="--profile_steps"):
        parse_profile_steps(text, 9)


# Plugins of TensorBoard itself ---------------------------------------------------


@pytest.fixture
def context(run_folder: Path) -> Iterator[Any]:
    """TensorBoard's view of the logs of a run."""
    from tensorboard.backend.event_processing import (
        data_provider,
        plugin_event_multiplexer,
    )
    from tensorboard.plugins import base_plugin

    logs = str(run_folder / "logs")
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(logs)
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, logs)
    yield base_plugin.TBContext(data_provider=provider, logdir=logs)


def ask(plugin: Any, route: str, **arguments: str) -> bytes:
    from werkzeug.test import Client
    from werkzeug.wrappers import Response

    answer = Client(plugin.get_plugin_apps()[route], Response).get(
        "/", query_string=arguments
    )
    assert answer.status_code == 200, answer.data
    return answer.data


def test_projector_plugin_reads_the_embeddings(run_folder: Path, context: Any) -> None:
    from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin

    plugin = ProjectorPlugin(context)
    assert json.loads(ask(plugin, "/runs")) == ["projector"]
    config = json.loads(ask(plugin, "/info", run="projector"))
    (embedding,) = config["embeddings"]
    assert embedding["tensorName"] == TENSOR_NAME
    assert embedding["tensorShape"] == [39, 16]  # [unused0] is left out.

    names = ask(plugin, "/metadata", run="projector", name=TENSOR_NAME).decode()
    lines = names.splitlines()
    assert lines[0] == "token\tplace\tscript\tcount" and len(lines) == 40
    data = ask(plugin, "/tensor", run="projector", name=TENSOR_NAME)
    rows = np.frombuffer(data, np.float32).reshape(39, 16)
    run = load_run(run_folder)
    table = run.discriminator.get_layer("embeddings").token_embeddings.numpy()
    for line, row in zip(lines[1:], rows, strict=True):
        token = run.vocabulary.ids[line.split("\t")[0]]
        assert np.array_equal(row, table[token])


def test_hparams_plugin_shows_settings_beside_held_out_metrics(context: Any) -> None:
    from tensorboard.plugins.hparams import api_pb2, list_session_groups
    from tensorboard.plugins.hparams.hparams_plugin import HParamsPlugin

    backend = HParamsPlugin(context)._context
    from tensorboard.context import RequestContext

    request = RequestContext()
    experiment = backend.experiment_from_metadata(
        request,
        "",
        include_metrics=True,
        hparams_run_to_tag_to_content=backend.hparams_metadata(request, ""),
        data_provider_hparams=[],
    )
    tags = {info.name.tag for info in experiment.metric_infos}
    assert {"loss/total", "discriminator/auc", "generator/accuracy"} <= tags
    metrics = [api_pb2.ColParams(metric=info.name) for info in experiment.metric_infos]
    answer = list_session_groups.Handler(
        request,
        backend,
        "",
        api_pb2.ListSessionGroupsRequest(
            slice_size=10,
            start_index=0,
            allowed_statuses=list(api_pb2.Status.values()),
            col_params=metrics,
        ),
    ).run()
    (group,) = answer.session_groups
    assert group.hparams["train.learning_rate"].number_value == 3e-3
    assert group.hparams["train.objective"].string_value == "electra"
    assert group.hparams["model.vocabulary_size"].number_value == 40
    assert group.hparams["train.jit_compile"].bool_value is False
    values = {value.name.tag: value for value in group.metric_values}
    assert values["discriminator/auc"].training_step == 9
    assert 0 < values["loss/total"].value < 40


# Every objective -----------------------------------------------------------------


def settings_of(name: str, model: ModelConfig) -> tuple[ModelConfig, ObjectiveSettings]:
    settings = ObjectiveSettings(unsampled_token_ids=(0, 1, 2, 3, 4, 5))
    if name == "two_stage":
        settings = dataclasses.replace(settings, generator_steps=4)
        sizes = ("hidden_dim", "num_layers", "num_heads", "intermediate_dim")
        same = {f"generator_{size}": getattr(model, size) for size in sizes}
        model = dataclasses.replace(model, tied_weights="none", **same)
    return model, settings


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("electra", {"sampled", "replaced"}),
        ("electra_15", {"sampled", "replaced"}),
        ("mlm", {"guess"}),
        ("replace_mlm", {"sampled", "guess"}),
        ("all_tokens_mlm", {"sampled", "guess", "replaced"}),
        ("electric", {"sampled", "replaced"}),
        ("two_stage", {"sampled", "replaced"}),
        ("adversarial", {"sampled", "replaced"}),
    ],
)
def test_boards_show_what_an_objective_has(
    name: str,
    lines: set[str],
    data_folder: Path,
    tiny_model: ModelConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, settings = settings_of(name, tiny_model)
    objective = find_objective(name).build(model, settings)
    held_out = make_eval_dataset(data_folder, global_batch_size=20)
    opened: list[int] = []
    monkeypatch.setattr(
        held_out_board, "take_rows", lambda data: opened.append(1) or take_rows(data)
    )
    boards = HeldOutBoards(
        [SampleBoard(Vocabulary.load(data_folder / "vocab.txt")), HistogramBoard()],
        held_out,
        writer=tf.summary.create_file_writer(str(tmp_path)),
        seed=1,
    )
    boards.set_model(SimpleNamespace(objective=objective, global_step=0))
    boards.on_epoch_end(0, {"loss": 1.0})
    assert not opened
    for step in (4, 8):
        boards.model.global_step = step
        boards.on_epoch_end(0, {"loss": 1.0, "val_loss": 1.0})
    assert opened == [1]
    texts = steps_of(tmp_path, "text")
    assert texts["samples/1"] == [4, 8]
    (text,) = read_logs(tmp_path).Tensors("samples/1")[0].tensor_proto.string_val
    shown = {
        line
        for line in ("sampled", "guess", "replaced")
        if f"**{line}**" in text.decode()
    }
    assert shown == lines
    histograms = steps_of(tmp_path, "histograms")
    assert ("discriminator/probability_of_replaced" in histograms) == (
        "replaced" in lines
    )
    assert "weights/embeddings/token_embeddings" in histograms or name == "two_stage"
    assert any("discriminator_encoder/block_1" in tag for tag in histograms)


# Parts ---------------------------------------------------------------------------


def test_tables_of_a_row_escape_markup_and_colour_cells() -> None:
    from tensorboard.plugin_util import markdown_to_safe_html

    tokens = [
        SampleToken("[CLS]", "[CLS]", False, "[CLS]", 0.02),
        SampleToken("|", "[MASK]", True, "<b>", 0.87),
        SampleToken("*a*", "*a*", True, "*a*", 0.2),
        SampleToken("가", "[MASK]", True, "[unused0]", 0.31),
    ]
    text = draw_sample(tokens)
    assert text.split("\n\n")[1] == (
        "| **original** | [CLS] | &#124; | &#42;a&#42; | 가 |\n"
        "|---|---|---|---|---|\n"
        "| **masked** |  | [MASK] | &#42;a&#42; | [MASK] |\n"
        "| **sampled** |  | 🔴 &#60;b&#62; | 🟢 &#42;a&#42; | 🔴 &#91;unused0&#93; |\n"
        "| **replaced** | ⬜ 2% | 🟥 87% | 🟨 20% | 🟧 31% |"
    )
    html = markdown_to_safe_html(text)
    assert "<b>" not in html and "&amp;#" not in html
    html = unescape(html)
    for cell in ("<th>|</th>", "<td>🔴 <b></td>", "<td>*a*</td>", "🔴 [unused0]"):
        assert cell in html
    assert html.count("<tr>") == 4


def test_long_rows_are_cut_into_tables_of_ten() -> None:
    text = draw_sample([SampleToken("a", "a", False)] * 131)
    assert text.count("**original**") == 13 and text.endswith("\n\n3 more tokens")
    assert "**sampled**" not in text and "**replaced**" not in text


def test_probabilities_are_split_by_what_is_true() -> None:
    batch = {"padding_mask": tf.constant([[1, 1, 1, 0]])}
    outputs = {
        "replaced_logits": tf.constant([[0.0, 100.0, -100.0, 0.0]]),
        "is_replaced": tf.constant([[0, 1, 0, 0]]),
    }
    found = split_probabilities(batch, outputs)
    assert found["probability_of_original"].numpy().tolist() == [0.5, 0.0]
    assert found["probability_of_replaced"].numpy().tolist() == [1.0]
    outputs["is_replaced"] = tf.zeros([1, 4], tf.int32)
    assert list(split_probabilities(batch, outputs)) == ["probability_of_original"]
    assert split_probabilities(batch, {}) == {}


def test_at_most_sixteen_rows_are_looked_at(data_folder: Path) -> None:
    for size, rows in ((20, 16), (8, 8)):
        batch = take_rows(make_eval_dataset(data_folder, global_batch_size=size))
        assert {value.shape[0] for value in batch.values()} == {rows}


def test_large_tables_are_thinned_out() -> None:
    assert thin_out(tf.zeros([250, 1_000])).shape == (19_231,)
    assert thin_out(tf.zeros([10, 10])).shape == (100,)


def test_memory_of_this_process() -> None:
    assert 50e6 < measure_memory()["resident_bytes"] < 1e12


def test_tokens_of_the_projector(data_folder: Path) -> None:
    vocabulary = Vocabulary(
        (
            "[PAD]",
            "[UNK]",
            "[CLS]",
            "[SEP]",
            "[MASK]",
            "[unused0]",
            "가",
            "##ab",
            "7",
            "!",
        )
    )
    counts = np.array([0, 2, 9, 9, 0, 0, 1, 30, 0, 0])
    ids = choose_tokens(vocabulary, counts)
    assert ids == [7, 2, 3, 1, 6, 0, 4, 8, 9]
    lines = describe_tokens(vocabulary, ids[:5], counts).splitlines()
    assert lines == [
        "token\tplace\tscript\tcount",
        "##ab\tcontinued\tlatin\t30",
        *("[CLS]\tspecial\tspecial\t9", "[SEP]\tspecial\tspecial\t9"),
        *("[UNK]\tspecial\tspecial\t2", "가\tstart\thangul\t1"),
    ]
    scripts = [find_script(token) for token in ("ㅋㅋ", "##漢", "7", "!", "я")]
    assert scripts == ["hangul", "cjk", "digit", "other", "cyrillic"]
    dataset = make_eval_dataset(data_folder, global_batch_size=8)
    counted = count_tokens(dataset, 40)
    assert counted[0] == 0 and counted[2] == 45 and counted.sum() > 45 * 5
