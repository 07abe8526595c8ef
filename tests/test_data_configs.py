"""The data configurations in `configs/`, each on a small input of its kind.

python -m pytest tests/test_data_configs.py
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from beam_pipelines.build_vocabulary import main as build_vocabulary
from beam_pipelines.config import DataConfig, InputConfig
from beam_pipelines.preprocess import main as preprocess
from electra_keras.config_files import load_config_as
from electra_keras.data.info import load_info

CONFIGS = Path(__file__).parent.parent / "configs"
NAMES = sorted(path.stem for path in CONFIGS.glob("data_*.yaml"))
KOREAN = (
    "영화 음악 배우 감독 장면 이야기 결말 정말 너무 조금 아주 다시 어제 오늘 친구랑 "
    "혼자 극장에서 집에서 봤는데 보다가 재미있게 지루하게 슬프게 웃으며 울면서 끝까지"
)
ENGLISH = (
    "the a river mountain captain baker daughter ship letter winter morning city road "
    "carried followed remembered painted sold opened between under before without into "
    "old quiet narrow bright heavy golden"
)


def make_lines(words: str, count: int, end: str) -> list[str]:
    choose = random.Random(count)
    return [
        f"{' '.join(choose.choices(words.split(), k=9))} {end}" for _ in range(count)
    ]


def make_dialogue(number: int, lines: list[str]) -> dict[str, Any]:
    turns = [{"speaker": "AB"[i % 2], "text": text} for i, text in enumerate(lines)]
    return {"id": f"d{number % 50}", "turns": turns}


def write_inputs(folder: Path) -> None:
    """Writes what the paths in the configurations name, below a folder."""
    korean = make_lines(KOREAN, 240, "좋았다ㅋㅋㅋㅋㅋ!")
    english = [line.capitalize() for line in make_lines(ENGLISH, 360, "today.")]
    near = korean[1].replace("좋았다", "좋았어")
    odd = [
        "ㅋ",
        "lol this is not Korean at all",
        "굿 !?#%&=+~",
        "늦기 전에 꼭 전화 주세요 010-1234-5678",
    ]
    dialogues = [make_dialogue(n, korean[4 * n : 4 * n + 4]) for n in range(60)]
    contents = {
        "comments/a.txt": "\n".join([*korean, korean[0], near, *odd]),
        "reviews/a.txt": "\n\n".join(
            [*("\n".join(korean[n : n + 4]) for n in range(0, 240, 4)), "짧다"]
        ),
        "english/a.txt": "\n\n".join(
            [*(" ".join(english[n : n + 6]) for n in range(0, 360, 6)), "Too short."]
        ),
        "dialogues/a.jsonl": "\n".join(
            json.dumps(row) for row in [*dialogues, make_dialogue(0, ["응"])]
        ),
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text(content, "utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_head_says_command_data_hardware_and_time(name: str) -> None:
    head = (CONFIGS / f"{name}.yaml").read_text("utf-8").partition("\ninputs:")[0]
    assert all(line.startswith("#") for line in head.splitlines())
    for command in ("build_vocabulary", "preprocess"):
        assert f"# python -m beam_pipelines.{command} --config=configs/{name}.y" in head
    for word in ("Data:", "Hardware:", "Time:"):
        assert word in head


@pytest.mark.parametrize("name", NAMES)
def test_lists_only_what_differs(name: str) -> None:
    listed = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text("utf-8"))
    defaults = DataConfig().recipe()
    defaults["inputs"] = vars(InputConfig(path=""))
    (listed["inputs"],) = listed["inputs"]
    # Always named, since the trained model has to fit it.
    assert listed["packing"].pop("sequence_length") >= 128
    for section, keys in listed.items():
        for key, value in keys.items():
            assert value != defaults[section][key], f"{section}.{key}"


# Documents read, left out by reason; the packing; lines of the train split.
EXPECTED: dict[str, tuple[int, dict[str, int], str]] = {
    "data_english": (61, {"too_short": 1}, "reference"),
    "data_korean_comments": (
        246,
        {
            "duplicate": 1,
            "little_hangul": 1,
            "near_duplicate": 1,
            "symbols": 1,
            "too_short": 1,
        },
        "dense",
    ),
    "data_korean_dialogues": (61, {"too_short": 1}, "reference"),
    "data_korean_reviews": (61, {"too_short": 1}, "reference"),
}


def test_all_are_run() -> None:
    assert sorted(EXPECTED) == NAMES


@pytest.mark.parametrize("name", EXPECTED)
def test_runs_on_an_input_of_its_kind(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    read, rejected, packing = EXPECTED[name]
    config = f"--config={CONFIGS}/{name}.yaml"
    flags = ["--output=vocab.txt", "--vocabulary_size=150"]
    assert build_vocabulary([config, *flags]) == 0
    flags = ["--vocabulary=vocab.txt", "--output=data", "--validation_rate=0.1"]
    assert preprocess([config, *flags]) == 0
    stats = json.loads(Path("data/stats.json").read_text())
    documents = stats["documents"]
    assert (documents["read"], documents["rejected"]) == (read, rejected)
    assert documents["kept"] == read - sum(rejected.values())
    assert stats["personal_data"] == (
        {"phone": 1} if name == "data_korean_comments" else {}
    )
    assert documents.get("duplicate_ids") == (
        11 if name == "data_korean_dialogues" else None
    )
    train = stats["splits"]["train"]
    # Several sentences of a document, so the segments may differ.
    assert train["lines"] > train["documents"] or packing == "dense"
    assert load_info("data").packing == packing
    settings = load_config_as(DataConfig, "data/config.yaml").recipe()
    assert settings["shards"]["validation_rate"] == 0.1
    assert settings["clean"]["personal_data"] == "scrub"
