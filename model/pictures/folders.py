"""Folders of picture files: list them, pair them, and read their pixels."""

import mimetypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.pictures.formats import READ_SUFFIXES
from model.pictures.picture import to_eight_bits
from model.pictures.reading import decode

_OTHER_SUFFIXES = frozenset(
    {".arw", ".cr2", ".cr3", ".dng", ".exr", ".hdr", ".nef", ".orf", ".psd", ".raf", ".rw2", ".tga"}
)
"""Ends of the names of pictures that are not read and that ``mimetypes`` may not know."""


@dataclass(frozen=True)
class Pair:
    """Files of one picture of a task."""

    degraded: Path
    clean: Path


@dataclass(frozen=True)
class DepthPair:
    """Files of one photograph and of its depth."""

    picture: Path
    depth: Path


def find_pairs(folder: Path, *, limit: int | None = None) -> dict[str, list[Pair]]:
    """Find ``TASK/degraded/NAME.*`` and ``TASK/clean/NAME.*`` under ``folder``, sorted.

    Args:
        folder: Where the tasks are.
        limit: Take only the first pictures of each task.

    Returns:
        Pairs of each task.

    Raises:
        ValueError: If there is no task, or a picture has no partner.
    """
    tasks = sorted(path.name for path in folder.glob("*") if (path / "clean").is_dir())
    if not tasks:
        raise ValueError(f"there are no folders TASK/clean and TASK/degraded in {folder}")
    return {task: task_pairs(folder / task)[:limit] for task in tasks}


def task_pairs(task: Path) -> list[Pair]:
    """Pair the files of one task by stem; errors as of ``find_pairs``."""
    degraded, clean = (
        {path.stem: path for path in pictures_in(task / side)} for side in ("degraded", "clean")
    )
    if alone := sorted(degraded.keys() ^ clean.keys()):
        raise ValueError(
            f"{task} needs equal stems in degraded and clean; without a partner: {alone[:5]}"
        )
    return [Pair(degraded[stem], clean[stem]) for stem in sorted(clean)]


def depth_pairs(folder: Path) -> list[DepthPair]:
    """Find ``NAME.*`` with ``NAME_d.png``, its depth, in ``folder``, sorted by name.

    Raises:
        ValueError: If a depth has no photograph.
    """
    pairs = []
    for depth in sorted(folder.glob("*_d.png")):
        picture = next(depth.parent.glob(depth.stem.removesuffix("_d") + ".*"), None)
        if picture is None:
            raise ValueError(f"{depth} is a depth without a photograph beside it")
        pairs.append(DepthPair(picture, depth))
    return pairs


def read_depth(path: Path) -> NDArray[np.float32]:
    """Read a depth map of 16 bits: -> (H, W) in [0, 1], larger is farther."""
    with Image.open(path) as image:
        return np.asarray(image, dtype=np.float32) / np.float32(65535)


def pictures_in(folder: Path) -> list[Path]:
    """List the picture files of ``folder`` and below, sorted; links to folders are followed."""
    return sorted(path for path in _files_in(folder) if path.suffix.lower() in READ_SUFFIXES)


def unread_in(folder: Path) -> list[Path]:
    """List the files of ``folder`` and below that are pictures of kinds that are not read."""
    return sorted(path for path in _files_in(folder) if _is_unread(path.suffix.lower()))


def _is_unread(suffix: str) -> bool:
    kind = mimetypes.guess_type(f"a{suffix}", strict=False)[0] or ""
    other = kind.startswith("image/") or suffix in _OTHER_SUFFIXES
    return other and suffix not in READ_SUFFIXES


def _files_in(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder, followlinks=True):
        yield from (Path(parent, name) for name in names)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Read a picture file in sRGB, upright, with 16 bits rounded to 8.

    Returns:
        Shape (H, W, 3), uint8.

    Raises:
        ValueError: If the file is no picture that can be read, or is damaged.
    """
    return to_eight_bits(decode(path.read_bytes(), metadata="strip").rgb)
