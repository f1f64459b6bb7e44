"""Views of fixed size of a whole picture of any size: a thumbnail and patches.

Noise, rain and blur are visible at native resolution, haze and darkness in the whole picture. So
there are one thumbnail and a grid of patches at native resolution. The shapes of the views do not
depend on the size of the picture. Pictures of different sizes are therefore described in one batch,
and the cost does not grow with their size.

Views are made with NumPy. A service makes them while the model computes, and torch would start
threads that take cores from the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

THUMBNAIL = 96
"""Side of the thumbnail, pixels; the picture's aspect ratio is not kept."""
PATCH = 48
"""Side of a native patch, pixels."""
GRID = 4
"""Patches per side; GRID * GRID in all, evenly spread."""

FULL_SCALE = {torch.uint8: 255.0, torch.uint16: 65535.0}
"""Largest value of each type of pixel."""


@dataclass(frozen=True)
class Views:
    """Views of a batch of B whole pictures, float in [0, 1] for the networks.

    Attributes:
        thumbnail: Shape (B, 3, 96, 96), each value the mean of the pixels it covers.
        patches: Shape (B, 16, 3, 48, 48), native resolution.
    """

    thumbnail: Tensor
    patches: Tensor

    @staticmethod
    def stack(items: Sequence["Views"]) -> "Views":
        """Join views along the batch."""
        return Views(
            torch.cat([item.thumbnail for item in items]),
            torch.cat([item.patches for item in items]),
        )

    def to(self, device: torch.device) -> "Views":
        """Return the views on ``device``."""
        return Views(self.thumbnail.to(device), self.patches.to(device))


def as_float(picture: Tensor) -> Tensor:
    """Convert uint8 or uint16 to float32 in [0, 1]; floats pass through."""
    scale = FULL_SCALE.get(picture.dtype)
    return picture if scale is None else picture.float() / scale


def sample_views(picture: Tensor) -> Views:
    """Make the views of a whole picture.

    Args:
        picture: Shape (3, H, W), any H, W >= 1; uint8, uint16, or float in [0, 1]; RGB.

    Returns:
        Views of a batch of one.

    Raises:
        ValueError: If the shape is not (3, H, W) with H, W >= 1.
    """
    if picture.dim() != 3 or picture.shape[0] != 3 or 0 in picture.shape:
        raise ValueError(
            f"a picture has shape (3, H, W) with H, W >= 1, got {tuple(picture.shape)}"
        )
    pixels, scale = picture.numpy(), np.float32(FULL_SCALE.get(picture.dtype, 1.0))
    thumbnail, patches = _thumbnail(pixels) / scale, _patches(pixels).astype(np.float32) / scale
    return Views(torch.from_numpy(thumbnail)[None], torch.from_numpy(patches)[None])


def _thumbnail(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    """Average (3, H, W) into (3, 96, 96), without the whole picture in float."""
    height, width = pixels.shape[1:]
    rows, columns = _pieces(height), _pieces(width)
    kind = np.uint32 if pixels.dtype.kind == "u" else np.float64  # exact for 65,536 rows of 16 bits
    sums = np.empty((3, THUMBNAIL, THUMBNAIL))
    for row, (a, b) in enumerate(rows):  # one at a time: 96 of them as wide as the picture are much
        band = pixels[:, a:b].sum(axis=1, dtype=kind)
        beyond = np.pad(band, ((0, 0), (0, 1)))  # where pieces may end
        sums[:, row] = np.add.reduceat(beyond, columns.ravel(), axis=1, dtype=np.float64)[:, ::2]
    counts = np.outer(rows[:, 1] - rows[:, 0], columns[:, 1] - columns[:, 0])
    means: NDArray[np.float32] = (sums / counts).astype(np.float32)
    return means


def _pieces(length: int) -> NDArray[np.int64]:
    """Return which pixels each of the 96 rows or columns of the thumbnail covers.

    Shape (96, 2): the first pixel, and the one after the last.
    """
    steps = np.arange(THUMBNAIL)
    first, last = steps * length // THUMBNAIL, -(-(steps + 1) * length // THUMBNAIL)
    return np.stack([first, last], axis=1)


def _starts(length: int) -> list[int]:
    """First pixels of GRID patches evenly spread over ``length`` pixels, the ends included."""
    last = max(0, length - PATCH)
    return [round(index * last / (GRID - 1)) for index in range(GRID)]


def _patches(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Cut (3, H, W) into (16, 3, 48, 48); a smaller picture is continued at its edge."""
    height, width = pixels.shape[1:]
    rows = [pixels[:, top : top + PATCH] for top in _starts(height)]
    patches = np.stack([row[:, :, left : left + PATCH] for row in rows for left in _starts(width)])
    below, beside = PATCH - patches.shape[2], PATCH - patches.shape[3]
    return np.pad(patches, ((0, 0), (0, 0), (0, below), (0, beside)), mode="edge")
