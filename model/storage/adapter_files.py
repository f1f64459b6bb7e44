"""The files of one adapter's folder, in PEFT's layout, and their checks."""

import contextlib
import json
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.config import NAME
from model.model_info import AdapterInfo

CONFIG, TENSORS, CARD = "adapter_config.json", "adapter_model.safetensors", "README.md"
ADAPTER_FILES = (CONFIG, TENSORS, CARD)
"""All that belongs to an adapter; code in its folder does not."""
MAX_TEXT_BYTES = 2**20
"""A larger adapter_config.json or README.md is refused."""


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """What ``adapter_config.json`` says.

    Attributes:
        info: Of the adapter; sizes and digest of the tensors are not in the file.
        trained_on: sha256 of the baseline; empty when it had none.
    """

    info: AdapterInfo
    trained_on: str


def read_config(folder: Path) -> AdapterConfig:
    """Read the config of the adapter in ``folder``, whose name is the adapter's.

    Raises:
        ValueError: If it is no JSON object, or one of its values is missing, has another type, is
            no finite number, or holds characters that it may not.
        FileNotFoundError: If there is none.
    """
    check_names([folder.name])
    path = folder / CONFIG
    check_file(path, most=MAX_TEXT_BYTES)
    try:
        stored = _object(json.loads(path.read_bytes(), parse_constant=_refuse_constant))
        if "abair" not in stored:
            raise ValueError(
                "it is an adapter of PEFT alone: add "
                '"abair": {"title": "Rain", "degradation": "rain"} to it'
            )
        about = _object(stored["abair"])
        rank, alpha = _whole(stored, "r"), _number(stored, "lora_alpha")
        info = AdapterInfo(
            name=folder.name,
            title=about.get("title"),  # type: ignore[arg-type]  # AdapterInfo checks it
            degradation=about.get("degradation"),  # type: ignore[arg-type]
            rank=rank,
            scaling=alpha / rank,
            gain_db=about.get("gain_db"),
            licence=about.get("licence", ""),
            smoke=about.get("smoke", False),
        )
        trained_on = stored.get("base_model_sha256") or ""
        if not isinstance(trained_on, str):
            raise ValueError(f"base_model_sha256 must be text, got {trained_on!r:.80}")
    except (ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path} cannot be used: {error}") from None
    return AdapterConfig(info=info, trained_on=trained_on)


def check_names(names: Any) -> Sequence[str]:  # noqa: ANN401  # a file says what they are
    """Check names that become names of folders, and return them.

    Raises:
        ValueError: If they are no list of different names.
    """
    if not isinstance(names, Sequence) or isinstance(names, str):
        raise ValueError(f"names of adapters must be a list, got {names!r:.80}")
    for name in names:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(
                f"an adapter's name must be 1 to 32 of a-z, 0-9, _ and -, got {name!r:.80}"
            )
    if len(set(names)) < len(names):
        raise ValueError(f"an adapter is named twice in: {', '.join(names)}")
    return names


def check_file(path: Path, *, most: int | None = None) -> None:
    """Check that ``path`` is a file of its own and no link to another one.

    Args:
        path: The file.
        most: The largest size in bytes.

    Raises:
        ValueError: If it is a link, a folder, a pipe or a device, or larger.
        FileNotFoundError: If it is not there.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path} must be a file of its own, neither a link nor a device")
    if most is not None and found.st_size > most:
        raise ValueError(f"{path} has {found.st_size} bytes; at most {most} are read")


def copy_adapter(source: Path, target: Path) -> None:
    """Copy the files of an adapter, and nothing else of its folder, over ``target`` at once.

    Raises:
        ValueError: If one of them is a link or too large.
    """
    for name in ADAPTER_FILES:
        check_file(source / name, most=None if name == TENSORS else MAX_TEXT_BYTES)
    with replaced(target) as beside:
        for name in ADAPTER_FILES:
            shutil.copyfile(source / name, beside / name)


@contextlib.contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside ``folder`` that takes its place after the block.

    After an error in the block, ``folder`` is as it was. Otherwise a reader finds all files of
    before or all new ones; for an instant between two renamings it may find none.
    """
    # Not among the other adapters: whoever lists these must not find half of one.
    beside = folder.parent.parent / f".{folder.name}.partial"
    before = folder.parent.parent / f".{folder.name}.before"
    for leftover in (beside, before):
        shutil.rmtree(leftover, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            folder.replace(before)
        try:
            beside.replace(folder)
        except OSError:
            before.replace(folder)
            raise
    finally:
        for leftover in (beside, before):
            shutil.rmtree(leftover, ignore_errors=True)


def _object(value: Any) -> Mapping[str, Any]:  # noqa: ANN401
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, got {value!r:.80}")
    return value


def _whole(stored: Mapping[str, Any], key: str) -> int:
    value = stored.get(key)
    if type(value) is not int or value < 1:
        raise ValueError(f"{key} must be a whole number above 0, got {value!r:.80}")
    return value


def _number(stored: Mapping[str, Any], key: str) -> float:
    value = stored.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} must be a number, got {value!r:.80}")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no finite number")
