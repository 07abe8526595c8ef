"""A model of any known format into a folder of another, whole or not at all.

Joins the files of this room; `electra_keras.convert` is its command.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from electra_keras.errors import UsageError
from electra_keras.interchange.huggingface_export import write_huggingface
from electra_keras.interchange.keras_hub import write_keras_hub
from electra_keras.interchange.model_card import (
    KERAS_HUB_USE,
    UNKNOWN_LICENSE,
    model_card,
)
from electra_keras.interchange.sources import Pretrained
from electra_keras.interchange.tf1_export import write_tf1
from electra_keras.whole_files import sync, write_text

CARD_FILE = "README.md"


@dataclasses.dataclass(frozen=True)
class Target:
    """A format that is written.

    Attributes:
        write: Writes into an empty folder; returns where each network lies.
        library: That loads it, as the hub's model cards name it.
        use: A section of the model card.
        does_nfc: Whether its tokenizer puts text into NFC.
    """

    write: Callable[[Pretrained, Path], dict[str, Path]]
    library: str = "transformers"
    use: str = ""
    does_nfc: bool = True


TARGETS = {
    "huggingface": Target(write_huggingface),
    "keras_hub": Target(write_keras_hub, "keras-hub", KERAS_HUB_USE, does_nfc=False),
    "tf1": Target(write_tf1),
}


def convert(
    source: Pretrained,
    target: str,
    output: str | Path,
    *,
    license: str = UNKNOWN_LICENSE,
) -> Path:
    """Writes a model in another format, with a model card.

    Args:
        source: From `open_pretrained`.
        target: One of `TARGETS`.
        output: Folder; absent or empty. It appears by rename.
        license: Of the weights, for the model card.

    Returns:
        `output`.

    Raises:
        UsageError: `output` holds something.
    """
    output = Path(output)
    form = TARGETS[target]
    with new_folder(output) as partial:
        folders = form.write(source, partial)
        for folder in set(folders.values()):
            networks = [name for name, path in folders.items() if path == folder]
            card = model_card(
                source,
                networks,
                license,
                library=form.library,
                use=form.use,
                does_nfc=form.does_nfc,
            )
            write_text(folder / CARD_FILE, card)
    return output


@contextlib.contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """Gives an empty folder that becomes `output` when all is well.

    Raises:
        UsageError: `output` is a file, or holds something.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(
            f"{output} {'holds files' if output.is_dir() else 'is a file'}",
            expected="a new or empty folder",
            fix="Choose another --output.",
        )
    output = output.absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f"{output.name}.partial-{uuid.uuid4().hex}")
    partial.mkdir()
    try:
        yield partial
        for path in (partial, *partial.rglob("*")):
            if path.is_dir():
                sync(path)
        partial.rename(output)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync(output.parent)
