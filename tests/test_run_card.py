"""python -m pytest tests/test_run_card.py"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from electra_keras.training.run_card import evaluation_section, training_section
from electra_keras.training.saved_run import read_run


def test_training_section_has_the_figures_of_the_run(run_folder: Path) -> None:
    text = training_section(read_run(run_folder))
    assert "| optimizer steps | 9 of 9 |" in text
    assert "| rows per step | 8 of 16 tokens; at most 1,152 tokens in all" in text
    assert "| initial weights | random |" in text
    assert "train_steps: 9" in text


def test_evaluation_section_tells_what_was_measured(
    run_folder: Path, tmp_path: Path
) -> None:
    assert "Not measured" in evaluation_section(read_run(run_folder))
    folder = shutil.copytree(run_folder, tmp_path / "run")
    measured = {"split": "validation", "step": 6, "disc_loss": 0.25, "real_tokens": 1e3}
    (folder / "evaluation.json").write_text(json.dumps(measured))
    text = evaluation_section(read_run(folder))
    assert "On the split validation, at step 6" in text
    assert "| `disc_loss` | 0.2500 |" in text
    assert "| `real_tokens` | 1,000 |" in text
    assert "The weights here are of step 9." in text
