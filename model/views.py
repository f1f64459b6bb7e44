"""What the global parts look at: a whole picture of any size, seen through views of fixed size.

Noise, rain and blur live at native resolution, haze and darkness in the whole: so there is one
thumbnail and a grid of native patches. The views' shapes don't depend on the picture's size, hence
pictures of any sizes are described in one batch, and the networks' cost does not grow with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

THUMBNAIL = 96
"""Side of the thumbnail, pixels; the picture's aspect ratio is not kept."""
PATCH = 48
"""Side of a native patch, pixels."""
GRID = 4
"""Patches a side: GRID * GRID in all, evenly spread."""

_BAND_PIXELS = 2**20
FULL_SCALE = {torch.uint8: 255.0, torch.uint16: 65535.0}
"""Highest value of the types that files have."""


@dataclass(frozen=True)
class Views:
    """Views of a batch of whole pictures, float in [0, 1].

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
    """Look at a whole picture.

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
    return Views(_thumbnail(picture)[None], _patches(picture)[None])


def _thumbnail(picture: Tensor) -> Tensor:
    """Average (3, H, W) into (3, 96, 96); a large one by bands of rows, never whole in float."""
    if picture.numel() <= 3 * _BAND_PIXELS:
        return F.adaptive_avg_pool2d(as_float(picture), THUMBNAIL)
    height = picture.shape[1]
    bands = []
    for row in range(THUMBNAIL):
        top, bottom = row * height // THUMBNAIL, -(-(row + 1) * height // THUMBNAIL)
        bands.append(F.adaptive_avg_pool2d(as_float(picture[:, top:bottom]), (1, THUMBNAIL)))
    return torch.cat(bands, dim=1)


def _starts(length: int) -> list[int]:
    """First pixels of GRID patches evenly spread over ``length`` pixels, the ends included."""
    last = max(0, length - PATCH)
    return [round(index * last / (GRID - 1)) for index in range(GRID)]


def _patches(picture: Tensor) -> Tensor:
    """Cut (3, H, W) into (16, 3, 48, 48); a smaller picture is continued at its edge."""
    height, width = picture.shape[1:]
    rows = [picture[:, top : top + PATCH] for top in _starts(height)]
    cuts = [row[:, :, left : left + PATCH] for row in rows for left in _starts(width)]
    patches = as_float(torch.stack(cuts))
    short = (0, PATCH - patches.shape[3], 0, PATCH - patches.shape[2])
    return F.pad(patches, short, mode="replicate") if any(short) else patches
