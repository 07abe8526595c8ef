"""Devices and what they have sustained in others' pre-training runs.

Feeds `plan.py`. The unit is that of `flops.py`: the operations of a published
run, counted in the same way, over its published time, input and update included.
Another program, another precision or a narrower network may reach half of it or
less, as the two figures of one V100 and of one TPU show; `--measure` tells.
"""

from __future__ import annotations

import dataclasses

from electra_keras.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Device:
    """A device, or several that train together.

    Attributes:
        name: For `--device`.
        flops_per_sec: Sustained, counted as in `flops.py`.
        source: What was run on it, and who says so.
    """

    name: str
    flops_per_sec: float
    source: str


_NVIDIA = "NVIDIA DeepLearningExamples, ELECTRA README"
_KOELECTRA = "KoELECTRA README"
DEVICES = (
    Device(
        "v100",
        3.7e12,
        "one V100: ELECTRA-Small, 4 days (Clark et al. 2020, table 1)",
    ),
    Device(
        "v100_float32",
        7.9e12,
        f"one V100 16 GB, float32: ELECTRA-Base, 24 rows of 512 a second ({_NVIDIA})",
    ),
    Device(
        "v100_float16",
        2.8e13,
        f"one V100 16 GB, float16: ELECTRA-Base, 84 rows of 512 a second ({_NVIDIA})",
    ),
    Device(
        "a100_tf32",
        2.9e13,
        f"one A100 40 GB, TF32: ELECTRA-Base, 90 rows of 512 a second ({_NVIDIA})",
    ),
    Device(
        "a100_tf32_x8",
        2.3e14,
        f"eight A100 40 GB, TF32: ELECTRA-Base, 716 rows of 512 a second ({_NVIDIA})",
    ),
    Device(
        "a100_float16",
        5.6e13,
        f"one A100 40 GB, float16: ELECTRA-Base, 171 rows of 512 a second ({_NVIDIA})",
    ),
    Device(
        "a100_float16_x8",
        4.4e14,
        f"eight A100 40 GB, float16: ELECTRA-Base, 1,347 rows of 512 a second "
        f"({_NVIDIA})",
    ),
    Device(
        "tpu_v3_8_small",
        4.9e13,
        f"one TPU v3-8: KoELECTRA-Small v3, 7 days ({_KOELECTRA})",
    ),
    Device(
        "tpu_v3_8",
        1.1e14,
        f"one TPU v3-8: KoELECTRA-Base v3, 14 days ({_KOELECTRA})",
    ),
    Device(
        "tpu_v3_x16",
        1.9e14,
        "16 TPU v3: ELECTRA-Base, 4 days (Clark et al. 2020, table 1)",
    ),
)


def find_device(name: str) -> Device:
    """Returns a device of the table.

    Raises:
        UsageError: There is none of this name.
    """
    for device in DEVICES:
        if device.name == name:
            return device
    raise UsageError(
        f"--device={name}",
        expected=f"one of {', '.join(device.name for device in DEVICES)}",
        fix="Choose the nearest, or measure your own with --measure.",
    )
