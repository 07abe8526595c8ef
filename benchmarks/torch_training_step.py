"""The peer of `training_step.py`: the same step in PyTorch and Transformers.

Needs torch and transformers, and nothing of this project. Masked positions are
gathered before the vocabulary projection; attention is PyTorch's own fused one,
the optimizer its fused AdamW.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import statistics
import time

import torch
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

VOCABULARY_SIZE = 30_522
MASK_ID = 4
DISCRIMINATOR_WEIGHT = 50.0
ROOF_SIZE = 2048


def build() -> tuple[ElectraForMaskedLM, ElectraForPreTraining]:
    """Builds ELECTRA-Small: generator and discriminator with shared embeddings."""
    sizes = {"vocab_size": VOCABULARY_SIZE, "embedding_size": 128}
    small = ElectraConfig(
        **sizes, hidden_size=256, intermediate_size=1024, num_attention_heads=4
    )
    quarter = ElectraConfig(
        **sizes, hidden_size=64, intermediate_size=256, num_attention_heads=1
    )
    generator, discriminator = ElectraForMaskedLM(quarter), ElectraForPreTraining(small)
    discriminator.electra.embeddings = generator.electra.embeddings
    return generator.train(), discriminator.train()


def make_batch(rows: int, length: int) -> dict[str, torch.Tensor]:
    """Makes full rows of random tokens, 15% of them masked."""
    slots = max(1, round(0.15 * length))
    token_ids = torch.randint(5, VOCABULARY_SIZE, (rows, length))
    positions = torch.rand(rows, length).argsort(1)[:, :slots]
    mask_ids = token_ids.gather(1, positions)
    return {
        "token_ids": token_ids,
        "positions": positions,
        "mask_ids": mask_ids,
        "masked_ids": token_ids.scatter(1, positions, MASK_ID),
    }


def step(generator, discriminator, optimizer, batch) -> float:
    """Takes one step; returns the loss."""
    states = generator.electra(batch["masked_ids"])[0]
    index = batch["positions"].unsqueeze(-1).expand(-1, -1, states.shape[-1])
    states = generator.generator_predictions(states.gather(1, index))
    logits = generator.generator_lm_head(states)
    cross_entropy = torch.nn.functional.cross_entropy
    masked_lm_loss = cross_entropy(logits.flatten(0, 1), batch["mask_ids"].flatten())
    with torch.no_grad():
        probabilities = logits.softmax(-1).flatten(0, 1)
        sampled = torch.multinomial(probabilities, 1).view_as(batch["mask_ids"])
        corrupted = batch["token_ids"].scatter(1, batch["positions"], sampled)
        is_replaced = (corrupted != batch["token_ids"]).float()
    said = discriminator(corrupted).logits
    disc_loss = torch.nn.functional.binary_cross_entropy_with_logits(said, is_replaced)
    loss = masked_lm_loss + DISCRIMINATOR_WEIGHT * disc_loss
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    variables = [v for group in optimizer.param_groups for v in group["params"]]
    torch.nn.utils.clip_grad_norm_(variables, 1.0)
    optimizer.step()
    return loss.item()


def memory_mb() -> float:
    """Most resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def work(options: argparse.Namespace) -> dict[str, float]:
    """Trains some steps and says what they took."""
    if options.threads:
        torch.set_num_threads(options.threads)
    generator, discriminator = build()
    both = [*generator.parameters(), *discriminator.parameters()]
    variables = list({id(v): v for v in both}.values())
    optimizer = torch.optim.AdamW(variables, lr=5e-4, weight_decay=0.01, fused=True)
    batch = make_batch(options.rows, options.length)
    before, moments = memory_mb(), []
    for _ in range(options.steps):
        step(generator, discriminator, optimizer, batch)
        moments.append(time.time())
    peak = memory_mb()
    matrix = torch.randn(ROOF_SIZE, ROOF_SIZE)
    _ = matrix @ matrix
    roofs = []
    for _ in range(5):
        start = time.time()
        _ = matrix @ matrix
        roofs.append(2.0 * ROOF_SIZE**3 / (time.time() - start))
    steps = [b - a for a, b in itertools.pairwise(moments)]
    return {
        "first_step_secs": moments[0] - options.started,
        "step_secs": statistics.median(steps),
        "roof_flops": max(roofs),
        "peak_mb": peak,
        "steps_mb": peak - before,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("rows", "length", "steps", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--started", type=float, required=True)
    parser.add_argument("--worker", action="store_true")
    print(json.dumps(work(parser.parse_args())))
