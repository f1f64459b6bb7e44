"""A picture of examples: degraded, map, restored and clean, one row per degradation."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from model.config import Degradation, palette_of
from model.evaluation.making import over_each_other
from model.restoring.restorer import Restorer

CELL = 256
"""Pixels: side of the middle that is shown of each picture."""


def draw_gallery(restorer: Restorer, folder: Path) -> Image.Image:
    """Degrade clean pictures of ``folder``, another one for each degradation, and restore them.

    Args:
        restorer: What restores, with ``auto``, and maps.
        folder: Clean pictures that may be shown.

    Returns:
        A row for each of the five degradations; columns degraded, map, restored, clean.
    """
    palette = torch.frombuffer(bytearray(palette_of(restorer.classes)), dtype=torch.uint8)
    rows = []
    for place, kind in enumerate(Degradation):
        degraded, clean = list(over_each_other(folder, [kind], place + 1, seed=1))[place]
        labels = torch.from_numpy(restorer.degradation_map(degraded)).long()
        seen = palette.view(-1, 3)[labels].permute(2, 0, 1)
        restored = restorer.restore(degraded)
        cells = [middle(picture, CELL) for picture in (degraded, seen, restored, clean)]
        rows.append(torch.cat(cells, dim=2))
    return Image.fromarray(torch.cat(rows, dim=1).permute(1, 2, 0).contiguous().numpy())


def middle(picture: Tensor, side: int) -> Tensor:
    """Cut the middle of (3, H, W) to (3, ``side``, ``side``), black where the picture ends."""
    top, left = (max(0, (length - side) // 2) for length in picture.shape[1:])
    part = picture[:, top : top + side, left : left + side]
    square = picture.new_zeros(3, side, side)
    square[:, : part.shape[1], : part.shape[2]] = part
    return square
