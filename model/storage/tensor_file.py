"""Named tensors in a safetensors file, with what is told of them in its metadata."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.printable import printable


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file's tensors and what is told of them.

    Raises:
        ValueError: If it is no whole safetensors file, or holds infinities or NaN.
    """
    try:
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {}).get("abair", "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, RecursionError) as error:
        raise ValueError(
            f"{path} is not a complete safetensors file: {printable(str(error))}"
        ) from error
    if not isinstance(told, dict):
        raise ValueError(f"{path} has no description of its content: ABAIR did not write it")
    if broken := _not_finite(tensors):
        raise ValueError(f"{path} contains numbers that aren't finite, in {_some(broken)}")
    return tensors, told


def write_tensors(path: Path, tensors: Mapping[str, Tensor], told: Mapping[str, Any]) -> None:
    """Write in half precision, all or nothing: first beside the file, then over it.

    Equal weights and metadata give equal bytes: several keys would be written in any order, so
    the metadata are one.

    Raises:
        ValueError: If a number is not finite in half precision; nothing is written then.
    """
    half = {key: t.detach().to("cpu", torch.float16).contiguous() for key, t in tensors.items()}
    if broken := _not_finite(half):
        raise ValueError(
            f"{path} is not written: {_some(broken)} holds NaN, or numbers above "
            f"{torch.finfo(torch.float16).max:g}, which half precision can't hold; "
            f"train again with a smaller learning rate"
        )
    beside = path.with_suffix(".partial")
    save_file(half, beside, {"abair": json.dumps(told, sort_keys=True)})
    beside.chmod(0o644)  # safetensors makes it for its owner alone
    beside.replace(path)


def look_up(told: Mapping[str, Any], key: str, path: Path) -> Any:  # noqa: ANN401
    """Return what a file tells under ``key``.

    Raises:
        ValueError: If it doesn't.
    """
    if key not in told:
        raise ValueError(f"{path} has no {key!r} in its metadata, so ABAIR did not write it")
    return told[key]


def check_shapes(
    expected: Mapping[str, tuple[int, ...]], tensors: Mapping[str, Tensor], path: Path
) -> None:
    """Compare keys and shapes.

    Raises:
        ValueError: Naming the first keys that are missing, unexpected, or of another shape.
    """
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    missing = sorted(set(expected) - set(found))
    unexpected = sorted(set(found) - set(expected))
    wrong = [
        f"{key} {found[key]}, expected {expected[key]}"
        for key in sorted(set(expected) & set(found))
        if found[key] != expected[key]
    ]
    problems = {"missing": missing, "unexpected": unexpected, "of another shape": wrong}
    told = [f"{len(keys)} {what}: {_some(keys)}" for what, keys in problems.items() if keys]
    if told:
        raise ValueError(f"{path} does not fit this model; " + "; ".join(told))


def _not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    return [key for key, tensor in tensors.items() if not bool(tensor.isfinite().all())]


def _some(keys: list[str]) -> str:
    return printable(", ".join(keys[:3]))


def digest(path: Path) -> str:
    """Return the sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
