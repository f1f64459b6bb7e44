"""Photographs as Python users hold them, arrays and PIL images, and the tensors of the network."""

import io
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from torch import Tensor

from model.pictures import ENCODINGS, Picture, Pixels, decode, encode

Photo = TypeVar("Photo", NDArray[np.uint8], NDArray[np.uint16], Image.Image)
"""An array (H, W, 3), uint8 or uint16, RGB; or a PIL image."""

_EIGHT_BITS = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"})
_GREY = frozenset({"1", "L", "LA"})
_XMP = "XML:com.adobe.xmp"  # keyword of the XMP packet in a PNG


def as_planes(pixels: object) -> Tensor:
    """Turn an array (H, W, 3) into a tensor (3, H, W) of its type, with memory of its own.

    Args:
        pixels: An array (H, W, 3), uint8 or uint16, RGB.

    Raises:
        TypeError: If it is no array of these types.
        ValueError: If its shape isn't (H, W, 3), or it has no pixel.
    """
    if not isinstance(pixels, np.ndarray) or pixels.dtype not in (np.uint8, np.uint16):
        got = getattr(pixels, "dtype", type(pixels).__name__)
        raise TypeError(f"image must be a uint8 or uint16 array or a PIL image, got {got}")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"image must have shape (H, W, 3), got {pixels.shape}")
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def as_pixels(planes: Tensor) -> Pixels:
    """Turn a tensor (3, H, W), uint8 or uint16, into an array (H, W, 3)."""
    pixels: Pixels = planes.permute(1, 2, 0).contiguous().numpy()
    return pixels


def picture_of(image: Image.Image) -> Picture:
    """Read a PIL image as ``model.pictures`` reads the file that holds it.

    Orientation, colour profile and transparency are therefore treated as in the service and in
    ``abair restore``: the image is written to memory without loss, and decoded.

    Args:
        image: A PIL image of 8 bits a channel.

    Raises:
        TypeError: If the image has another mode.
    """
    if image.mode not in _EIGHT_BITS:
        raise TypeError(f"images have 8 bits a channel here, got mode {image.mode!r}")
    beside = {key: image.info[key] for key in ("exif", "icc_profile") if image.info.get(key)}
    body = io.BytesIO()
    if image.mode == "CMYK":  # PNG has no inks
        image.save(body, "TIFF", **beside)
    else:
        mode = "L" if image.mode in _GREY else "RGB"
        mode += "A" if image.has_transparency_data else ""
        texts = PngImagePlugin.PngInfo()
        if xmp := image.info.get("xmp"):
            texts.add_itxt(_XMP, xmp if isinstance(xmp, str) else xmp.decode("utf-8", "replace"))
        image.convert(mode).save(body, "PNG", compress_level=0, pnginfo=texts, **beside)
    return decode(body.getvalue())


def image_of(picture: Picture, restored: Pixels) -> Image.Image:
    """Write restored pixels as a PIL image, in the colours and with the metadata of ``picture``.

    Args:
        picture: The input, as of ``picture_of``.
        restored: Pixels in the colours of ``picture.rgb``: shape (H, W, 3), of its type.
    """
    body, _ = encode(picture, restored, ENCODINGS["png"], quality=100)
    with Image.open(io.BytesIO(body)) as image:
        return image.copy()
