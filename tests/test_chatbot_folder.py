"""python -m pytest tests/test_chatbot_folder.py"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from retrieval_fixtures import quick_config, write_pairs

from electra_keras.errors import UsageError
from electra_keras.finetuning.retrieval.chatbot_folder import (
    ChatbotFolder,
    tune_chatbot,
)


def test_a_folder_is_read_back_whole(chatbot_folder: Path, run_folder: Path) -> None:
    read = ChatbotFolder.read(chatbot_folder)
    assert read.config == quick_config(seed=3, trials=2)
    assert read.pretrained.source == str(run_folder)
    assert [result.seed for result in read.results] == [3, 4]
    assert read.best.score == max(result.score for result in read.results)
    assert (chatbot_folder / "pairs.csv").read_text("utf-8").startswith("Q,A,label")
    saved = json.loads((chatbot_folder / "chatbot.json").read_text("utf-8"))
    assert saved["config"]["temperature"] == 0.05


def test_another_call_for_the_same_folder_is_refused(
    chatbot_folder: Path, run_folder: Path, tmp_path: Path
) -> None:
    bot = shutil.copytree(chatbot_folder, tmp_path / "bot")
    pairs = write_pairs(tmp_path / "given.csv")
    before = (bot / "chatbot.json").read_bytes()
    with pytest.raises(UsageError, match="other settings, pairs or weights"):
        tune_chatbot(pairs, run_folder, bot, quick_config(seed=3, epochs=5.0))
    with pairs.open("a", encoding="utf-8") as file:
        file.write("a b,가,0\n")
    with pytest.raises(UsageError, match="other settings, pairs or weights"):
        tune_chatbot(pairs, run_folder, bot, quick_config(seed=3))
    assert (bot / "chatbot.json").read_bytes() == before


def test_what_is_finished_is_only_read(
    chatbot_folder: Path, run_folder: Path, tmp_path: Path
) -> None:
    bot = shutil.copytree(chatbot_folder, tmp_path / "bot")
    pairs = write_pairs(tmp_path / "given.csv")
    results = tune_chatbot(pairs, run_folder, bot, quick_config(seed=3, trials=2))
    assert results == ChatbotFolder.read(chatbot_folder).results


def test_folders_of_others_are_refused(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("mine")
    pairs = write_pairs(tmp_path / "given.csv")
    with pytest.raises(UsageError, match="holds other files"):
        tune_chatbot(pairs, run_folder, tmp_path, quick_config())
    with pytest.raises(UsageError, match=r"no chatbot\.json in"):
        ChatbotFolder.read(tmp_path)


def test_a_chatbot_without_a_finished_trial_says_so(
    chatbot_folder: Path, tmp_path: Path
) -> None:
    shutil.copy(chatbot_folder / "chatbot.json", tmp_path)
    with pytest.raises(UsageError, match="no finished trial"):
        ChatbotFolder.read(tmp_path)
