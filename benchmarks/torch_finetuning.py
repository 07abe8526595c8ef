"""The peer of `finetuning.py`: Transformers' Trainer on the same rows.

Needs torch, transformers and accelerate, and nothing of this project.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import (
    ElectraConfig,
    ElectraForSequenceClassification,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

_TOKENS = 64
_WARMUP_STEPS = 10


class Watch(TrainerCallback):
    """When each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        """Notes the time."""
        self.ends.append(time.perf_counter())


def collate(rows: list[dict[str, Any]], length: int | None = None) -> dict[str, Any]:
    """Pads rows to the longest of them, or to a length."""
    longest = length or max(len(row["input_ids"]) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row["input_ids"])] = torch.tensor(row["input_ids"])
        mask[place, : len(row["input_ids"])] = 1
    labels = torch.tensor([row["labels"] for row in rows])
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def work(options: argparse.Namespace) -> dict[str, float]:
    """Trains and predicts as the contender of this name does."""
    torch.manual_seed(1)
    given = json.loads(Path(options.inputs).read_text("utf-8"))
    rows = [
        {"input_ids": ids, "labels": place % 2, "length": len(ids)}
        for place, ids in enumerate(given)
    ]
    sizes = {"vocab_size": 30_522, "embedding_size": 128, "hidden_size": 256}
    config = ElectraConfig(**sizes, intermediate_size=1024, num_attention_heads=4)
    is_padded = options.worker.endswith("padded")
    more = {}
    if options.worker.endswith("grouped"):
        more = {"train_sampling_strategy": "group_by_length"}
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=64,
            max_steps=_WARMUP_STEPS + options.steps,
            learning_rate=1e-4,
            weight_decay=0.01,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            **more,
        )
        trainer = Trainer(
            ElectraForSequenceClassification(config),
            arguments,
            train_dataset=rows,
            data_collator=lambda some: collate(some, _TOKENS if is_padded else None),
            callbacks=[watch],
        )
        trainer.train()
        some = rows[: options.predicted]
        trainer.predict(some[:64])
        start = time.perf_counter()
        trainer.predict(some)
        predicted_secs = time.perf_counter() - start
    secs = watch.ends[-1] - watch.ends[_WARMUP_STEPS - 1]
    return {
        "train": 32 * options.steps / secs,
        "predict": options.predicted / predicted_secs,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=f"{Path(__file__).name}: {__doc__}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--worker", default="Trainer", help="which contender")
    parser.add_argument("--inputs", default="", help="rows of ids, as JSON")
    parser.add_argument("--steps", type=int, default=60, help="measured")
    parser.add_argument("--predicted", type=int, default=1024, help="rows")
    print(json.dumps(work(parser.parse_args())))
