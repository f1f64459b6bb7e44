"""Photographs as users hold them, arrays and PIL images, to planes of bytes and back."""

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Photo = TypeVar("Photo", NDArray[np.uint8], NDArray[np.uint16], Image.Image)
"""An array (H, W, 3), uint8 or uint16, RGB; or a PIL image."""

_EIGHT_BITS = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"})
_GREY = frozenset({"1", "L", "LA"})
_TOLD = ("icc_profile", "exif", "dpi")


def as_planes(image: object) -> Tensor:
    """Read a photograph -> (3, H, W), RGB, of the array's type.

    Args:
        image: An array (H, W, 3), uint8 or uint16, RGB; or a PIL image of 8 bits a channel.

    Raises:
        TypeError: If it is neither.
        ValueError: If an array's shape isn't (H, W, 3).
    """
    if isinstance(image, Image.Image):
        if image.mode not in _EIGHT_BITS:
            raise TypeError(f"images have 8 bits a channel here, got mode {image.mode!r}")
        pixels = np.array(image.convert("RGB"))
    elif isinstance(image, np.ndarray) and image.dtype in (np.uint8, np.uint16):
        pixels = image
    else:
        got = getattr(image, "dtype", type(image).__name__)
        raise TypeError(f"image must be a uint8 or uint16 array or a PIL image, got {got}")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"image must have shape (H, W, 3), got {pixels.shape}")
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def like(image: Photo, restored: Tensor) -> Photo:
    """Give restored planes (3, H, W) the form of the image that they were read from.

    A grey image stays grey and keeps its alpha, if it has one; profile and EXIF are carried along.
    """
    pixels = restored.permute(1, 2, 0).contiguous().numpy()
    if not isinstance(image, Image.Image):
        return pixels
    out = Image.fromarray(pixels)
    if image.mode in _GREY:
        out = out.convert("L")
    if image.has_transparency_data:
        out.putalpha(image.convert("RGBA").getchannel("A"))
    told = _TOLD[1:] if image.mode == "CMYK" else _TOLD  # a profile of inks doesn't fit RGB
    out.info.update({key: image.info[key] for key in told if key in image.info})
    return out
