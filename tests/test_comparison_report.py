"""python -m pytest tests/test_comparison_report.py"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from comparison_fixtures import answer, list_planned_jobs, plan_comparison

from electra_keras.experiments.comparison_report import (
    format_comparison,
    make_values,
    write_comparison,
)
from electra_keras.experiments.run_rows import RunRow
from electra_keras.experiments.summary import summarize

SCORES = {"electra-flops": 0.7, "mlm-flops": 0.6, "tfidf": 0.65}


@pytest.fixture(scope="module")
def planned(data_folder: Path, tiny_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("planned")
    compared, budgets = plan_comparison(folder, data_folder, tiny_config)
    electra, mlm = budgets
    runs = {
        "electra-flops": RunRow(electra, {1: 8, 2: 8}, {"disc_auc": 0.75}),
        "mlm-flops": RunRow(mlm, {1: 4}, {}),
    }
    return list_planned_jobs(compared, budgets), runs


def test_tables(planned) -> None:
    jobs, runs = planned
    summary = summarize(jobs, answer(jobs, SCORES), "electra-flops")
    lines = format_comparison(runs, summary, ["a.png"]).splitlines()
    assert lines[2] == (
        "Reference: electra-flops. 18 of 23 fine-tunings of whole pre-trainings are "
        "done; 5 are missing, curves included."
    )
    assert (
        "| electra-flops | flops | 8 | 1.71e+08 | not measured | 2 of 2 | 0.7500 |"
        in (lines)
    )
    assert any(
        "| mlm-flops | flops | 12 |" in x and "| 0 of 1 |  |" in x for x in lines
    )
    assert "|  | chat 10 | pairs 10 | chat all |" in lines
    assert "| electra-flops | 0.7350 ± 0.0071 | 0.7300 | 0.7350 ± 0.0071 |" in lines
    assert "| scratch | missing | missing | missing |" in lines
    assert "## chat, 10 training rows: accuracy" in lines
    start = lines.index("## chat, 10 training rows: accuracy")
    assert lines[start + 2 : start + 8] == [
        "|  | mean | sd pre | sd fine | n | difference | 95% | p |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| electra-flops | 0.7350 | 0.0141 | 0.0071 | 2 x 2 |  |  |  |",
        "| mlm-flops | 0.6250 |  | 0.0071 | 1 x 2 | -0.1100 | "
        "-0.1334 to -0.0866* | 0.00028* |",
        "| scratch | missing |  |  | 0 of 2 |  |  |  |",
        "| tfidf | 0.6550 |  | 0.0071 | 1 x 2 | -0.0800 | -0.1492 to -0.0108 | 0.041 |",
    ]
    assert lines[-1] == "![a.png](a.png)"


def test_what_is_there_in_part_says_so(planned) -> None:
    jobs, runs = planned
    results = answer(jobs, {"electra-flops": 0.7})
    results = [line for line in results if line["seed"] == 0]
    summary = summarize(jobs, results, "electra-flops")
    text = format_comparison(runs, summary, [])
    assert "| electra-flops | 0.7300 (part) | 0.7300 | 0.7300 (part) |" in text
    assert "| electra-flops | 0.7300 | 0.0141 |  | 2 x 1, 2 missing |  |  |  |" in text


def test_all_scores_are_in_the_json(planned, tmp_path: Path) -> None:
    jobs, runs = planned
    summary = summarize(jobs, answer(jobs, SCORES), "electra-flops")
    values = make_values(runs, summary)
    assert values["missing"] == 5 and values["reference"] == "electra-flops"
    assert values["pretrainings"]["mlm-flops"]["steps_done"] == {1: 4}
    mlm = values["table"][1]
    assert (mlm["row"], mlm["task"], mlm["train_size"]) == ("mlm-flops", "chat", 10)
    assert mlm["scores"] == {"1": [pytest.approx(0.62), pytest.approx(0.63)]}
    assert mlm["difference"]["mean"] == pytest.approx(-0.11)
    write_comparison(tmp_path, jobs, summary)
    read = json.loads((tmp_path / "comparison.json").read_text("utf-8"))
    assert read["pretrainings"]["electra-flops"]["steps_done"] == {"1": 0, "2": 0}
    assert (tmp_path / "comparison.md").read_text("utf-8").startswith("# Comparison\n")
