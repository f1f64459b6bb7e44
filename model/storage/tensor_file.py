"""Named tensors in a safetensors file, with metadata."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.atomic_files import replacing
from model.printable import printable


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the metadata of a file.

    Raises:
        ValueError: If it is no whole safetensors file, or holds infinities or NaN.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("abair", "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, RecursionError) as error:
        raise ValueError(
            f"{path} is not a complete safetensors file: {printable(str(error))}"
        ) from error
    if not isinstance(metadata, dict):
        raise ValueError(f"{path} has no description of its content: ABAIR did not write it")
    if broken := _not_finite(tensors):
        raise ValueError(f"{path} contains numbers that aren't finite, in {_some(broken)}")
    return tensors, metadata


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write in half precision, all or nothing: first beside the file, then over it.

    The metadata are stored as one entry, because several entries would be written in any order.
    Equal weights and metadata therefore give equal files.

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
    with replacing(path) as beside:
        save_file(half, beside, {"abair": json.dumps(metadata, sort_keys=True)})
        beside.chmod(0o644)  # safetensors makes it for its owner alone


def metadata_entry(metadata: Mapping[str, Any], key: str, path: Path) -> Any:  # noqa: ANN401
    """Return the entry ``key`` of the metadata of a file.

    Raises:
        ValueError: If there is no such entry.
    """
    if key not in metadata:
        raise ValueError(f"{path} has no {key!r} in its metadata, so ABAIR did not write it")
    return metadata[key]


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
    found_problems = [
        f"{len(keys)} {what}: {_some(keys)}" for what, keys in problems.items() if keys
    ]
    if found_problems:
        raise ValueError(f"{path} does not fit this model; " + "; ".join(found_problems))


def _not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    return [key for key, tensor in tensors.items() if not bool(tensor.isfinite().all())]


def _some(keys: list[str]) -> str:
    return printable(", ".join(keys[:3]))


def digest(path: Path) -> str:
    """Return the sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
