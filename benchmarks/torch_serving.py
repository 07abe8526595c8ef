"""The peer of `serving.py`: the same answers from PyTorch and Transformers.

Needs torch and transformers, and nothing of this project. ElectraForPreTraining in
evaluation, under inference mode, with PyTorch's own fused attention; it gives what
our signature `tokens` gives.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import ElectraConfig, ElectraForPreTraining

ROOF_SIZE = 2048
SHORT_TOKENS = 32
SHORT_CALLS = 200


def build() -> ElectraForPreTraining:
    """Builds the discriminator of ELECTRA-Small."""
    sizes = {"vocab_size": 30_522, "embedding_size": 128, "hidden_size": 256}
    config = ElectraConfig(**sizes, intermediate_size=1024, num_attention_heads=4)
    return ElectraForPreTraining(config).eval()


def answer(model: ElectraForPreTraining, rows: list[torch.Tensor]) -> list[Any]:
    """Probabilities, mean and first vectors, as arrays."""
    token_ids, segment_ids, padding_mask = rows
    states = model.electra(token_ids, padding_mask, segment_ids)[0]
    weight = padding_mask.to(states.dtype)
    probability = model.discriminator_predictions(states).sigmoid() * weight
    total = (states * weight.unsqueeze(-1)).sum(1)
    mean = total / weight.sum(1, keepdim=True).clamp(min=1.0)
    return [value.numpy() for value in (probability, mean, states[:, 0])]


def clock(call: Callable[[], Any], calls: int) -> list[float]:
    """Seconds of each call, after three."""
    secs = []
    for _ in range(3 + calls):
        start = time.perf_counter()
        call()
        secs.append(time.perf_counter() - start)
    return secs[3:]


def work(options: argparse.Namespace) -> dict[str, float]:
    """Asks the model and says what it took."""
    if options.threads:
        torch.set_num_threads(options.threads)
    given = json.loads(Path(options.inputs).read_text("utf-8"))
    names = ("token_ids", "segment_ids", "padding_mask")
    long = [torch.tensor(given[name]) for name in names]
    short = [rows[:1, :SHORT_TOKENS].contiguous() for rows in long]
    matrix = torch.randn(ROOF_SIZE, ROOF_SIZE)
    started = time.perf_counter()
    with torch.inference_mode():
        model = build()
        answer(model, short)
        start_secs = time.perf_counter() - started
        long_secs = clock(lambda: answer(model, long), options.calls)
        short_secs = clock(lambda: answer(model, short), SHORT_CALLS)
        roof = clock(lambda: matrix @ matrix, 5)
    return {
        "start_secs": start_secs,
        "long_secs": statistics.median(long_secs),
        "short_secs": statistics.median(short_secs),
        "short_p99_secs": statistics.quantiles(short_secs, n=100)[98],
        "roof_flops": 2.0 * ROOF_SIZE**3 / min(roof),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("rows", "calls", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("worker", "model", "inputs"):
        parser.add_argument(f"--{name}", required=True)
    print(json.dumps(work(parser.parse_args())))
