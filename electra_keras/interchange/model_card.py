"""README.md beside an export: what the model is, and what it was trained on.

Reads a source; `conversion.py` writes the text. What a run says of itself is
written by `training/run_card.py`.
"""

from __future__ import annotations

import json

from electra_keras.interchange.names import MASKED_LM_HEAD
from electra_keras.interchange.sources import Pretrained
from electra_keras.training.run_card import (
    FORMATS,
    evaluation_section,
    training_section,
)

UNKNOWN_LICENSE = "unknown: set it"
_FINE_TUNED = "It is there to be fine-tuned, for classification, tagging or retrieval."
_USES = {
    "discriminator": f"{_FINE_TUNED} As it is, it tells which tokens of a text do "
    "not belong there: one logit per token, above 0 for replaced.",
    "masked_lm": f"{_FINE_TUNED} As it is, it fills in masked tokens.",
    "generator": "It fills in masked tokens. It served to train the discriminator, "
    "which is the network to fine-tune.",
}
KERAS_HUB_USE = """\
## Use

```python
import keras_hub

backbone = keras_hub.models.ElectraBackbone.from_preset("FOLDER")
tokenizer = keras_hub.models.ElectraTokenizer.from_preset("FOLDER")
```

- The backbone has no heads: what the network predicts is not in it.
- Its GELU is the tanh approximation, where the model was trained with the exact
  one, so hidden states differ a little.
- `pooled_output` is tanh of the last hidden state of [CLS]: no layer for it was
  trained.
- The tokenizer makes a word of over 100 bytes [UNK], and does not split at white
  space other than ASCII's. If it lower-cases, it splits at format characters
  such as the zero-width space, and leaves signs such as … whole; training did not.
"""


def model_card(
    source: Pretrained,
    networks: list[str],
    license: str,
    *,
    library: str = "transformers",
    use: str = "",
    does_nfc: bool = True,
) -> str:
    """Returns the text of README.md.

    Args:
        source: The model.
        networks: Those that lie beside the file.
        license: Of the weights, such as "apache-2.0".
        library: That loads the model.
        use: A section that says how.
        does_nfc: Whether the tokenizer beside it puts text into NFC.
    """
    # The hub knows the word "unknown", and refuses what names no licence.
    known = "unknown" if license == UNKNOWN_LICENSE else license
    head = f"""\
---
license: {json.dumps(known, ensure_ascii=False)}
library_name: {library}
tags: [electra]
---

# ELECTRA {" and ".join(networks)}

Licence: {license}
"""
    intended_use = _intended_use(source, networks, does_nfc)
    parts = [head, use, intended_use, _sizes(source, networks)]
    if source.run is None:
        name, kind = source.path.name, FORMATS[source.kind]
        parts.append(f"## Origin\n\nConverted from {name}, {kind}, bit by bit. ")
        parts[-1] += "How it was trained is not known here.\n"
    else:
        parts += [training_section(source.run), evaluation_section(source.run)]
    parts.append("Written by electra-keras.\n")
    return "\n".join(part for part in parts if part)


def _intended_use(source: Pretrained, networks: list[str], does_nfc: bool) -> str:
    uses = []
    for network in networks:
        heads = source.networks[network].sizes.output_heads
        if network == "discriminator" and MASKED_LM_HEAD in heads:
            network = "masked_lm"
        uses.append(_USES[network])
    casing = "lower-cased, without accents" if source.tokenizer.lower_case else "cased"
    text = f"Text is put into Unicode NFC and is {casing}; the tokenizer does both."
    if not does_nfc:
        text = f"Text is {casing}. Put it into Unicode NFC: the tokenizer does not."
    untrained = " Later positions were never trained." if source.run else ""
    return f"""\
## Intended use

{" ".join(uses)}

- {text}
- A row has at most {source.sequence_length:,} tokens, with [CLS] and [SEP].{untrained}
- The model knows what is usual in its training text, with the mistakes and
  prejudices of that text. It does not know what is true.
"""


def _sizes(source: Pretrained, networks: list[str]) -> str:
    rows = [
        "| network | layers | hidden | heads | feed-forward | embedding | vocabulary |",
        "|---|---|---|---|---|---|---|",
    ]
    for network in networks:
        sizes = source.networks[network].sizes
        numbers = (
            sizes.num_layers,
            sizes.hidden_dim,
            source.num_heads(network),
            sizes.intermediate_dim,
            sizes.embedding_dim,
            sizes.vocabulary_size,
        )
        rows.append(f"| {network} | {' | '.join(f'{n:,}' for n in numbers)} |")
    return "## Sizes\n\n" + "\n".join(rows) + "\n"
