"""Cut the crops of tiles out of a picture, and put restored tiles together."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from model.networks.whole_picture_views import FULL_SCALE, as_float
from model.restoring.tiling import Tile, plan_tiles


@dataclass(frozen=True)
class Crop:
    """One tile of a picture, ready for the network.

    Attributes:
        pixels: Shape (1, 3, h, w), float in [0, 1].
        position: Where they lie in the picture, shape (1, 4): top, left, bottom and right as
            fractions.
        tile: The tile that the crop belongs to.
    """

    pixels: Tensor
    position: Tensor
    tile: Tile

    def put(self, whole: Tensor, made: Tensor) -> None:
        """Copy the kept part of ``made`` (..., h, w) into ``whole`` (..., H, W)."""
        keep = self.tile.keep
        whole[..., keep.top : keep.bottom, keep.left : keep.right] = kept(made, self.tile)


def crops_of(
    picture: Tensor, *, tile: int, halo: int, multiple: int, device: torch.device
) -> Iterator[Crop]:
    """Cut (3, H, W), uint8, uint16 or float, into the crops of ``plan_tiles``, one at a time.

    The crops are on ``device``; the picture stays on its own device.
    """
    height, width = picture.shape[1:]
    for piece in plan_tiles(height, width, tile=tile, halo=halo, multiple=multiple):
        position = torch.tensor([piece.position(height, width)], device=device)
        yield Crop(as_float(read_crop(picture, piece).to(device))[None], position, piece)


def read_crop(picture: Tensor, tile: Tile) -> Tensor:
    """Cut a tile's crop out of (3, H, W); beyond bottom and right the picture is reflected."""
    height, width = picture.shape[1:]
    box = tile.crop
    inside = picture[:, box.top : min(box.bottom, height), box.left : min(box.right, width)]
    below, beside = max(0, box.bottom - height), max(0, box.right - width)
    if not below and not beside:
        return inside
    rows = _reflected(inside.shape[1], below)
    columns = _reflected(inside.shape[2], beside)
    return inside[:, rows][:, :, columns]


def kept(values: Tensor, tile: Tile) -> Tensor:
    """Cut the kept part of a tile out of values (..., h, w) of its crop."""
    keep, crop = tile.keep, tile.crop
    return values[
        ...,
        keep.top - crop.top : keep.bottom - crop.top,
        keep.left - crop.left : keep.right - crop.left,
    ]


def to_levels(image: Tensor, dtype: torch.dtype) -> Tensor:
    """Round [0, 1] to all the levels of uint8 or uint16, clamping what lies outside.

    For float32 nothing is rounded.
    """
    if dtype == torch.float32:
        return image.clamp(0, 1)
    full = FULL_SCALE[dtype]
    return image.mul(full).round_().clamp_(0, full).to(dtype)


def _reflected(length: int, extra: int) -> Tensor:
    """Indices 0..length-1 continued by ``extra``, back and forth without repeating the ends."""
    period = max(1, 2 * (length - 1))
    index = torch.arange(length + extra) % period
    return torch.minimum(index, period - index) if length > 1 else torch.zeros_like(index)
