"""python -m pytest tests/test_preflight.py"""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beam_pipelines.reporting import verdicts
from electra_keras.config import ExperimentConfig
from electra_keras.config_files import load_config
from electra_keras.data.info import ShardInfo, load_info
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import ElectraError, UsageError
from electra_keras.preflight import data_checks, evidence, setting_checks
from electra_keras.preflight.data_checks import DATA_CHECKS
from electra_keras.preflight.evidence import Evidence, gather_evidence
from electra_keras.preflight.examination import clear_for_start, examine, refusal
from electra_keras.preflight.finding import Finding, judge, show_rate
from electra_keras.preflight.setting_checks import SETTING_CHECKS

CONFIGS = Path(__file__).parents[1] / "configs"
TRAIN_CONFIGS = sorted(
    path.name for path in CONFIGS.glob("*.yaml") if not path.name.startswith("data_")
)


@pytest.fixture(scope="module")
def known(data_folder: Path, tiny_config: ExperimentConfig) -> Evidence:
    return gather_evidence(tiny_config, load_info(data_folder), data_folder)


def by_name(evidence: Evidence) -> dict[str, Finding]:
    checks = (*DATA_CHECKS, *SETTING_CHECKS)
    return {finding.name: finding for finding in (check(evidence) for check in checks)}


def with_settings(evidence: Evidence, **sections: dict[str, Any]) -> Evidence:
    config = evidence.config
    for name, values in sections.items():
        section = dataclasses.replace(getattr(config, name), **values)
        config = dataclasses.replace(config, **{name: section})
    return dataclasses.replace(evidence, config=config)


def with_info(evidence: Evidence, **values: Any) -> Evidence:
    info = dataclasses.replace(evidence.info, **values)
    return dataclasses.replace(evidence, info=info)


def with_examples(evidence: Evidence, examples: int, tokens: int) -> Evidence:
    shard = ShardInfo("train-00000.tfrecord.gz", examples, tokens, 1, "")
    splits = {**evidence.info.splits, "train": (shard,)}
    return with_info(evidence, splits=splits)


def with_train_stats(evidence: Evidence, **values: Any) -> Evidence:
    return dataclasses.replace(evidence, stats={"splits": {"train": values}})


def test_tiny_data_and_settings_are_judged_in_these_numbers(known: Evidence) -> None:
    found = by_name(known)
    assert {name: (x.status, round(x.value, 6)) for name, x in found.items()} == {
        "vocabulary": ("ok", 40),
        "special ids": ("ok", 0),
        "NFC": ("ok", 0),
        # 43 rows end with one, among 2,388 tokens of text.
        "unknown tokens": ("warning", 0.018007),
        "different rows": ("ok", 1),
        "cut text": ("ok", 0),
        # 3,088 tokens in 300 rows of 16.
        "padding": ("warning", 0.356667),
        "held-out rows": ("ok", 45),
        "row length": ("ok", 16),
        "batch": ("ok", 0.026667),
        "epochs": ("ok", 0.24),
        "warm-up": ("warning", 0),
        "learning rate": ("ok", 0.003),
        "generator": ("ok", 0.75),
        "masking": ("ok", 0.15),
        "dropout": ("ok", 0.1),
        "loss weight": ("ok", 50),
    }
    for finding in found.values():
        assert finding.measured and finding.expected
        assert bool(finding.fix) == (finding.status != "ok")


def test_sample_is_bounded_and_takes_of_several_shards(
    data_folder: Path, tiny_config: ExperimentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "SAMPLE_ROWS", 7)
    monkeypatch.setattr(evidence, "SAMPLE_SHARDS", 2)
    info = load_info(data_folder)
    sample = gather_evidence(tiny_config, info, data_folder)
    # Rows 0, 1, 2 of the first shard of 120 and of the second.
    assert sample.lengths.tolist() == [6, 6, 7, 16, 5, 6]
    assert sample.token_ids.shape == (6, 16)
    assert sample.token_ids[1].tolist() == [2, 6, 7, 11, 12, 3] + [0] * 10
    assert sample.is_real.sum(axis=1).tolist() == sample.lengths.tolist()
    assert sample.is_text[1].tolist() == [False] + [True] * 4 + [False] * 11


def test_limits_of_the_data_report_are_the_same() -> None:
    assert data_checks.MANY_UNKNOWN_RATE == verdicts.MAX_UNKNOWN_TOKEN_RATE
    assert data_checks.MUCH_PADDING_RATE == verdicts.MAX_PADDING_RATE


def test_vocabulary_of_another_size_is_doomed(known: Evidence) -> None:
    for size, status in ((None, "ok"), (40, "ok"), (41, "doomed")):
        changed = with_settings(known, model={"vocabulary_size": size})
        assert by_name(changed)["vocabulary"].status == status
    finding = by_name(changed)["vocabulary"]
    assert finding.measured == "40 entries; model.vocabulary_size 41"
    assert finding.fix == "Remove model.vocabulary_size from the configuration."


def test_special_ids_that_disagree_are_doomed(known: Evidence) -> None:
    ids = known.info.special_token_ids
    changed = with_info(known, special_token_ids={**ids, "[MASK]": 40})
    finding = by_name(changed)["special ids"]
    assert (finding.status, finding.value) == ("doomed", 1)
    assert finding.measured == "info.json has [MASK] as 40, vocab.txt as 4"
    missing = with_info(known, special_token_ids={**ids, "[SEP]": 2})
    assert by_name(missing)["special ids"].status == "doomed"


def test_rows_with_wrong_ids_are_doomed(known: Evidence) -> None:
    rows = known.token_ids.copy()
    rows[:3, 1] = 40
    finding = by_name(dataclasses.replace(known, token_ids=rows))["special ids"]
    assert finding.status == "doomed"
    assert finding.measured == "3 of 300 sampled rows hold ids beyond 39"
    rows = known.token_ids.copy()
    rows[0, 0], rows[1, known.lengths[1] - 1] = 7, 7
    finding = by_name(dataclasses.replace(known, token_ids=rows))["special ids"]
    assert finding.status == "doomed"
    assert finding.measured == "2 of 300 sampled rows are not [CLS] ... [SEP]"


def with_entries(evidence: Evidence, entries: list[str]) -> Evidence:
    return dataclasses.replace(evidence, vocabulary=Vocabulary(tuple(entries)))


def test_decomposed_vocabulary_is_doomed_by_its_entries(known: Evidence) -> None:
    syllables = [chr(ord("가") + 28 * i) for i in range(60)]
    specials = list(known.vocabulary.entries[:5])
    finding = by_name(with_entries(known, specials + syllables))["NFC"]
    assert (finding.status, finding.value) == ("ok", 0)
    decomposed = [unicodedata.normalize("NFD", x) for x in syllables]
    # No row holds them here: text in NFC would have become [UNK].
    rows = np.where(known.is_text, 1, known.token_ids)
    broken = dataclasses.replace(known, token_ids=rows)
    finding = by_name(with_entries(broken, specials + decomposed))["NFC"]
    assert (finding.status, round(finding.value, 4)) == ("doomed", 0.9231)
    assert finding.measured == (
        "92% of the entries, 0% of the sampled tokens are jamo or not NFC"
    )
    assert "broke Hangul into jamo" in finding.fix


def test_jamo_in_the_tokens_are_doomed_and_in_a_few_entries_are_not(
    known: Evidence,
) -> None:
    entries = list(known.vocabulary.entries)
    entries += [f"word{i}" for i in range(460)]
    rare = [*entries[:-4], "ᄀ", "##ᅡ", "##ᆨ", "e\u0301"]
    finding = by_name(with_entries(known, rare))["NFC"]
    assert (finding.status, finding.value) == ("ok", 0.008)
    many = [*entries[:-6], "ᄀ", "##ᅡ", "##ᆨ", "e\u0301", "ᄂ", "##ᅥ"]
    finding = by_name(with_entries(known, many))["NFC"]
    assert (finding.status, finding.value) == ("warning", 0.012)
    # As an English vocabulary does to Korean text without its accents.
    rows = np.where(known.is_text, 499, known.token_ids)
    korean = dataclasses.replace(with_entries(known, many), token_ids=rows)
    finding = by_name(korean)["NFC"]
    assert (finding.status, finding.value) == ("doomed", 1)


@pytest.mark.parametrize("entry", ["ㅋㅋ", "##ㅠ", "각", "é", "한국", "[MASK]", "👍"])
def test_what_text_in_nfc_holds_is_not_called_decomposed(
    known: Evidence, entry: str
) -> None:
    entries = [
        *known.vocabulary.entries,
        entry + "가",
        unicodedata.normalize("NFC", entry),
    ]
    entries = list(dict.fromkeys(entries))
    assert by_name(with_entries(known, entries))["NFC"].value == 0


@pytest.mark.parametrize(
    ("rate", "status"),
    [(0.0, "ok"), (0.01, "ok"), (0.011, "warning"), (0.2, "warning"), (0.21, "doomed")],
)
def test_unknown_tokens_are_taken_from_the_statistics(
    known: Evidence, rate: float, status: str
) -> None:
    stats = with_train_stats(known, unknown_token_rate=rate, text_tokens=123_456)
    finding = by_name(stats)["unknown tokens"]
    assert (finding.status, finding.value) == (status, rate)
    assert "of all 123,456 text tokens are [UNK]" in finding.measured


def test_unknown_tokens_are_counted_in_the_sample_without_statistics(
    known: Evidence,
) -> None:
    finding = by_name(known)["unknown tokens"]
    # Row 0: [CLS] 가 가 [SEP] [UNK] [SEP], shown up to the last [SEP].
    assert finding.measured == (
        '1.8% of 2,388 sampled text tokens are [UNK], such as "가 가 [SEP] [UNK]"'
    )
    rows = np.where(known.token_ids == 1, 6, known.token_ids)
    without = by_name(dataclasses.replace(known, token_ids=rows))["unknown tokens"]
    assert (without.status, without.value) == ("ok", 0)
    assert without.measured == "0% of 2,388 sampled text tokens are [UNK]"


def test_example_of_an_unknown_token_is_the_best_known_row(known: Evidence) -> None:
    rows = known.token_ids[:2].copy()
    rows[0, 1:5] = 1
    rows[1] = [2, 6, 7, 8, 9, 10, 1, 11, 12, 13, 14, 3, 0, 0, 0, 0]
    two = dataclasses.replace(known, token_ids=rows, lengths=np.array([6, 12]))
    assert by_name(two)["unknown tokens"].measured == (
        '36% of 14 sampled text tokens are [UNK], such as "나 다 라 마 [UNK] 바 사"'
    )


def test_same_rows(known: Evidence) -> None:
    rows = known.token_ids.copy()
    for first, status, value in ((151, "ok", 0.5), (149, "warning", 0.49)):
        rows[: first if status == "ok" else 154] = rows[0]
        finding = by_name(dataclasses.replace(known, token_ids=rows))["different rows"]
        assert (finding.status, round(finding.value, 2)) == (status, value)
    rows[:] = rows[0]
    finding = by_name(dataclasses.replace(known, token_ids=rows))["different rows"]
    assert finding.status == "doomed"
    assert finding.measured == "1 of 300 sampled rows"


def test_text_that_was_cut_off(known: Evidence) -> None:
    # 9 of the 300 rows have all 16 tokens.
    assert by_name(known)["cut text"].measured == "3% of the sampled rows are full"
    for cut, status in ((0, "ok"), (10, "ok"), (11, "warning")):
        stats = {"truncated_tokens": cut, "splits": {"train": {"text_tokens": 990}}}
        finding = by_name(dataclasses.replace(known, stats=stats))["cut text"]
        assert finding.status == status
        assert finding.value == cut / (990 + cut)
    assert finding.measured.startswith("1.1% of the tokens were cut off; 3% of the")


def test_full_rows_are_pieces_only_where_each_is_one_text(known: Evidence) -> None:
    full = dataclasses.replace(known, lengths=np.full(300, 16))
    assert by_name(full)["cut text"].status == "ok"
    finding = by_name(with_info(full, packing="short"))["cut text"]
    assert (finding.status, finding.value) == ("warning", 1)
    assert finding.expected == "at most 50% full rows of one text each"
    half = np.repeat([16, 15], 150)
    half_full = dataclasses.replace(full, lengths=half)
    finding = by_name(with_info(half_full, packing="short"))["cut text"]
    assert (finding.status, finding.value) == ("ok", 0.5)


def test_padding_and_the_ways_out_of_it(known: Evidence) -> None:
    finding = by_name(with_examples(known, 100, 1_120))["padding"]
    assert (finding.status, round(finding.value, 6)) == ("ok", 0.3)
    wasteful = with_examples(known, 100, 1_100)
    finding = by_name(wasteful)["padding"]
    assert (finding.status, round(finding.value, 4)) == ("warning", 0.3125)
    assert finding.measured == "31% of the rows is padding"
    assert finding.fix == (
        "Preprocess with --packing=dense, or with --sequence_length=15, which holds "
        "95% of the rows."
    )
    dense = with_info(wasteful, packing="dense")
    assert by_name(dense)["padding"].fix == (
        "Preprocess with --sequence_length=15, which holds 95% of the rows."
    )
    full = dataclasses.replace(dense, lengths=np.full(300, 16))
    assert "give more text" in by_name(full)["padding"].fix


def test_no_held_out_rows(known: Evidence) -> None:
    splits = {"train": known.info.splits["train"]}
    finding = by_name(with_info(known, splits=splits))["held-out rows"]
    assert (finding.status, finding.value) == ("warning", 0)
    assert "--validation_rate" in finding.fix


@pytest.mark.parametrize(
    ("section", "values", "name", "status", "value"),
    [
        ("model", {"max_sequence_length": 15}, "row length", "doomed", 16),
        ("data", {"sequence_length": 32}, "row length", "doomed", 16),
        ("data", {"sequence_length": 16}, "row length", "ok", 16),
        ("train", {"global_batch_size": 30}, "batch", "ok", 0.1),
        ("train", {"global_batch_size": 31}, "batch", "warning", 0.1033),
        ("train", {"global_batch_size": 300}, "batch", "warning", 1),
        ("train", {"global_batch_size": 301}, "batch", "doomed", 1.0033),
        # 300 examples and batches of 8.
        ("train", {"train_steps": 1_500}, "epochs", "ok", 40),
        ("train", {"train_steps": 1_501}, "epochs", "warning", 40.0267),
        ("train", {"train_steps": 10, "warmup_steps": 1}, "warm-up", "ok", 1),
        ("train", {"train_steps": 10, "warmup_steps": 0}, "warm-up", "warning", 0),
        ("train", {"train_steps": 5_000, "warmup_steps": 50}, "warm-up", "ok", 50),
        ("train", {"train_steps": 5_000, "warmup_steps": 49}, "warm-up", "warning", 49),
        ("train", {"train_steps": 10**6, "warmup_steps": 200}, "warm-up", "ok", 200),
        (
            "train",
            {"train_steps": 10**6, "warmup_steps": 199},
            "warm-up",
            "warning",
            199,
        ),
        # Cut to a tenth of the run.
        ("train", {"train_steps": 90, "warmup_steps": 90}, "warm-up", "ok", 9),
        (
            "train",
            {"train_steps": 90, "warmup_steps": 89, "overlapped_warmup": True},
            "warm-up",
            "ok",
            89,
        ),
        (
            "train",
            {"train_steps": 90, "warmup_steps": 90, "overlapped_warmup": True},
            "warm-up",
            "doomed",
            90,
        ),
        # At a width of 32 eight times what is usual at 256: 4e-3.
        ("train", {"learning_rate": 1.6e-2}, "learning rate", "ok", 0.016),
        ("train", {"learning_rate": 1.61e-2}, "learning rate", "warning", 0.0161),
        (
            "model",
            {"generator_hidden_dim": 32, "generator_num_heads": 1},
            "generator",
            "ok",
            1,
        ),
        ("model", {"generator_hidden_dim": 48}, "generator", "warning", 1.5),
        ("model", {"generator_num_layers": 3}, "generator", "warning", 1.5),
        ("data", {"mask_rate": 0.4}, "masking", "ok", 0.4),
        ("data", {"mask_rate": 0.41}, "masking", "warning", 0.41),
        ("data", {"mask_rate": 0.05}, "masking", "ok", 0.05),
        ("data", {"mask_rate": 0.0}, "masking", "warning", 0),
        ("model", {"dropout_rate": 0.5}, "dropout", "ok", 0.5),
        ("model", {"attention_dropout_rate": 0.6}, "dropout", "warning", 0.6),
        ("train", {"discriminator_loss_weight": 1.0}, "loss weight", "ok", 1),
        ("train", {"discriminator_loss_weight": 0.9}, "loss weight", "warning", 0.9),
        ("train", {"discriminator_loss_weight": 101.0}, "loss weight", "warning", 101),
    ],
)
def test_settings(
    known: Evidence,
    section: str,
    values: dict[str, Any],
    name: str,
    status: str,
    value: float,
) -> None:
    finding = by_name(with_settings(known, **{section: values}))[name]
    assert (finding.status, round(finding.value, 4)) == (status, value)


def test_fix_of_the_warmup_mends_it(known: Evidence) -> None:
    assert by_name(known)["warm-up"].fix == (
        "Raise train.train_steps to 10 or more: a tenth at most is warm-up."
    )
    longer = with_settings(known, train={"train_steps": 90, "warmup_steps": 0})
    finding = by_name(longer)["warm-up"]
    assert finding.fix == "Set train.warmup_steps=9."
    mended = with_settings(longer, train={"warmup_steps": 9})
    assert by_name(mended)["warm-up"].status == "ok"


@pytest.mark.parametrize(
    ("width", "usual"), [(128, 1e-3), (256, 5e-4), (768, 2e-4), (1024, 2e-4)]
)
def test_usual_learning_rate_is_that_of_the_paper_at_its_widths(
    known: Evidence, width: int, usual: float
) -> None:
    sizes = {"hidden_dim": width, "num_heads": 1}
    for ratio, status in ((3.99, "ok"), (4.01, "warning")):
        changed = with_settings(
            known, model=sizes, train={"learning_rate": ratio * usual}
        )
        assert by_name(changed)["learning rate"].status == status


def test_objectives_are_not_judged_by_what_they_do_not_have(known: Evidence) -> None:
    large = with_settings(
        known,
        model={"generator_hidden_dim": 48},
        train={"discriminator_loss_weight": 0.1},
    )
    found = by_name(with_settings(large, train={"objective": "mlm"}))
    assert found["generator"].measured == "there is none"
    assert found["loss weight"].measured == (
        "0.1 x the discriminator's loss; mlm does not read it"
    )
    assert found["generator"].status == found["loss weight"].status == "ok"
    uniform = with_settings(large, train={"uniform_generator": True})
    assert by_name(uniform)["generator"].status == "ok"
    assert by_name(uniform)["loss weight"].status == "warning"


def test_a_loss_weight_of_0_is_no_configuration(known: Evidence) -> None:
    with pytest.raises(UsageError, match=r"discriminator_loss_weight 0\.0; expected"):
        with_settings(known, train={"discriminator_loss_weight": 0.0})


@pytest.mark.parametrize("name", TRAIN_CONFIGS)
def test_no_configuration_of_ours_gives_a_warning_where_data_are_plenty(
    known: Evidence, name: str
) -> None:
    config = load_config(CONFIGS / name)
    rows = dataclasses.replace(known, config=config)
    plenty = with_examples(rows, 10**8, 15 * 10**8)
    found = [check(plenty) for check in SETTING_CHECKS]
    assert [str(x) for x in found if x.status != "ok"] == []


def test_without_training_examples_only_the_batch_is_doomed(
    make_data_folder: Any, tiny_config: ExperimentConfig
) -> None:
    folder = make_data_folder(train=())
    found = examine(tiny_config, load_info(folder), folder)
    assert [x.name for x in found if x.status == "doomed"] == ["batch"]


def test_damaged_files_are_told(
    make_data_folder: Any, tiny_config: ExperimentConfig
) -> None:
    folder = make_data_folder()
    info = load_info(folder)
    (folder / "stats.json").write_text("{")
    with pytest.raises(ElectraError, match=r"stats\.json cannot be read .*delete it"):
        examine(tiny_config, info, folder)
    (folder / "stats.json").unlink()
    shard = folder / info.splits["train"][1].file
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(ElectraError, match=r"cannot be read.* examples are whole"):
        examine(tiny_config, info, folder)
    assert examine(tiny_config, info, folder, skip_corrupt=True)
    shard.unlink()
    with pytest.raises(ElectraError, match="1 of 4 shards are missing in"):
        load_info(folder)


def test_dense_rows_are_read(
    known: Evidence, data_folder: Path, tiny_config: ExperimentConfig, tmp_path: Path
) -> None:
    # Not dense: the feature of the blocks is missing, which is damage.
    info = dataclasses.replace(known.info, packing="dense")
    with pytest.raises(
        ElectraError, match=r"holds other examples than info\.json says"
    ):
        gather_evidence(tiny_config, info, data_folder)


def test_clear_for_start_refuses_with_all_causes_unless_forced(
    make_data_folder: Any, tiny_config: ExperimentConfig, capsys: Any
) -> None:
    folder = make_data_folder()
    train = {"unknown_token_rate": 0.35, "text_tokens": 2_388}
    (folder / "stats.json").write_text(json.dumps({"splits": {"train": train}}))
    settings = {"overlapped_warmup": True, "warmup_steps": 10}
    train_config = dataclasses.replace(tiny_config.train, **settings)
    config = dataclasses.replace(tiny_config, train=train_config)
    info = load_info(folder)
    with pytest.raises(UsageError) as error:
        clear_for_start(config, info, folder, force=False)
    assert error.value.received == (
        "this run is doomed: unknown tokens: 35% of all 2,388 text tokens are [UNK], "
        'such as "가 가 [SEP] [UNK]"; warm-up: 10 of 9 steps (111%)'
    )
    assert error.value.expected == (
        "unknown tokens: at most 1%; warm-up: an end before the end of the run"
    )
    assert error.value.fix.endswith("Or go on all the same with --force.")
    found = clear_for_start(config, info, folder, force=True)
    assert [(x.name, x.status) for x in found] == [
        ("unknown tokens", "doomed"),
        ("padding", "warning"),
        ("warm-up", "doomed"),
    ]
    assert capsys.readouterr() == ("", "")


def test_finding_in_one_line() -> None:
    limits = {"expected": "at most 2", "fix": "Eat less."}
    fine = judge("apples", 2, "apples", "2 apples", **limits)
    assert (fine.status, fine.fix) == ("ok", "")
    assert str(fine) == "ok: apples: 2 apples; expected at most 2."
    bad = judge("apples", 9, "apples", "9 apples", warning=True, doomed=True, **limits)
    assert str(bad) == "doomed: apples: 9 apples; expected at most 2. Eat less."
    error = refusal([bad], ElectraError)
    assert str(error) == (
        "this run is doomed: apples: 9 apples; expected apples: at most 2. Eat less."
    )


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0, "0%"), (0.000797, "0.0797%"), (0.0955, "9.55%"), (0.1, "10%"), (0.814, "81%")],
)
def test_rates_are_shown_as_percent(rate: float, text: str) -> None:
    assert show_rate(rate) == text


def test_limits_are_in_order() -> None:
    assert data_checks.MANY_UNKNOWN_RATE < data_checks.DOOMED_UNKNOWN_RATE
    assert data_checks.MANY_DECOMPOSED_RATE < data_checks.DOOMED_DECOMPOSED_RATE
    assert setting_checks.MASK_RATES[0] < 0.15 < setting_checks.MASK_RATES[1]
