"""Picture files: pairs of a folder of tasks, and pixels of a file."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model.pictures import READ_SUFFIXES, decode, to_eight_bits


@dataclass(frozen=True)
class Pair:
    """Files of one picture of a task."""

    degraded: Path
    clean: Path


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


def pictures_in(folder: Path) -> list[Path]:
    """List the picture files of ``folder`` and below, sorted; links to folders are followed."""
    found = (
        Path(parent, name)
        for parent, _, names in os.walk(folder, followlinks=True)
        for name in names
    )
    return sorted(path for path in found if path.suffix.lower() in READ_SUFFIXES)


def read_picture(path: Path) -> Tensor:
    """Read a picture file in sRGB, upright, 16 bits rounded to 8: -> (3, H, W), uint8.

    Raises:
        ValueError: If it is no picture that is read, or damaged.
    """
    picture = decode(path.read_bytes(), metadata="strip")
    return torch.from_numpy(to_eight_bits(picture.rgb)).permute(2, 0, 1).contiguous()
