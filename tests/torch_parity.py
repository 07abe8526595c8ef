"""Whether Transformers says what we say: run in an environment that has it.

    python tests/torch_parity.py FOLDER EXPECTED.npz TOKENS.json

FOLDER is an export with `discriminator` and perhaps `generator`; EXPECTED holds
inputs and our logits and hidden states; TOKENS texts and our ids.
`test_interchange_torch.py` makes them. Needs torch, transformers, numpy; none
of this project.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import (
    AutoModel,
    AutoTokenizer,
    ElectraForMaskedLM,
    ElectraForPreTraining,
    ElectraModel,
)

LARGEST_DIFFERENCE = 1e-5
KINDS = {"discriminator": ElectraForPreTraining, "generator": ElectraForMaskedLM}


def differences_of(folder: Path, arrays: dict[str, np.ndarray]) -> dict[str, float]:
    """Runs every network; the largest difference of each output."""
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = {name: torch.from_numpy(arrays[name]).long() for name in names}
    found = {}
    for network, kind in KINDS.items():
        if not (folder / network).is_dir():
            continue
        model, loading = kind.from_pretrained(
            folder / network, output_loading_info=True
        )
        for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            assert not loading[problem], f"{network}: {problem} {loading[problem]}"
        backbone = ElectraModel.from_pretrained(folder / network)
        automatic = AutoModel.from_pretrained(folder / network)
        with torch.no_grad():
            outputs = {
                f"{network}_logits": model.eval()(**inputs).logits,
                f"{network}_hidden": backbone.eval()(**inputs).last_hidden_state,
            }
            again = automatic.eval()(**inputs).last_hidden_state
        assert torch.equal(outputs[f"{network}_hidden"], again)
        for name, values in outputs.items():
            found[name] = float(np.abs(values.numpy() - arrays[name]).max())
    return found


def check_tokenizer(folder: Path, cases: dict) -> None:
    """Compares ids of texts, and what frames and cuts them."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.is_fast
    assert tokenizer.model_max_length == cases["sequence_length"]
    for text, ids in zip(cases["texts"], cases["ids"], strict=True):
        # Ours never reads special tokens out of a text.
        given = tokenizer(text, split_special_tokens=True)["input_ids"]
        wanted = [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id]
        assert given == wanted, (text, given, wanted)
    pair = tokenizer("a", "b")
    assert pair["token_type_ids"] == [0, 0, 0, 1, 1]
    assert tokenizer("x [MASK]")["input_ids"][-2] == tokenizer.mask_token_id
    assert tokenizer.pad_token_id == 0
    cut = tokenizer("a " * 2 * cases["sequence_length"], truncation=True)
    assert len(cut["input_ids"]) == cases["sequence_length"]


def main() -> int:
    """Compares; returns 1 where something differs by too much."""
    folder, expected, tokens = (Path(argument) for argument in sys.argv[1:])
    with np.load(expected) as file:
        found = differences_of(folder, dict(file))
    for name, difference in found.items():
        print(f"{name}: at most {difference:.1e}")
    check_tokenizer(folder / "discriminator", json.loads(tokens.read_text("utf-8")))
    return 0 if found and max(found.values()) <= LARGEST_DIFFERENCE else 1


if __name__ == "__main__":
    raise SystemExit(main())
