"""Which device to compute on, and in which arithmetic."""

import torch

DEVICES = ("auto", "cpu", "cuda")
"""``auto`` uses an NVIDIA GPU if there is a usable one."""
PRECISIONS = ("auto", "bf16", "fp32")
"""``auto`` takes bf16 where the device computes in it, else fp32."""


def choose_device(wanted: str) -> str:
    """Return ``cpu`` or ``cuda`` for a wish, one of ``DEVICES``.

    Raises:
        ValueError: If ``wanted`` is none of ``DEVICES``, or ``cuda`` where no GPU can be used.
    """
    if wanted not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {wanted!r}")
    usable = torch.cuda.is_available()
    if wanted == "cuda" and not usable:
        raise ValueError("device is cuda, but torch finds no usable NVIDIA GPU")
    return "cuda" if usable and wanted != "cpu" else "cpu"


def choose_precision(wanted: str, device: str) -> str:
    """Return ``bf16`` or ``fp32`` for a wish, one of ``PRECISIONS``, on ``cpu`` or ``cuda``.

    Raises:
        ValueError: If ``wanted`` is none of ``PRECISIONS``.
    """
    if wanted not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {wanted!r}")
    if wanted != "auto":
        return wanted
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    able = torch.cpu.get_capabilities()
    return "bf16" if able.get("avx512_bf16") or able.get("amx_bf16") else "fp32"


def arithmetic(precision: str, device: str) -> torch.autocast:
    """Return a context that computes convolutions in ``precision``, ``bf16`` or ``fp32``."""
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bf16")
