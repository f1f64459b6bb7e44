"""Photographs as Python users hold them, and the tensors of the network."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from torch import Tensor

from model.pictures import ENCODINGS, Picture, Pixels, decode, encode

Photo = TypeVar("Photo", bound=NDArray[Any] | Image.Image | Tensor)
"""An array, a PIL image, or a tensor (3, H, W); as of ``read_photograph``."""

_TYPES = {np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32)}
_TENSORS = {torch.uint8, torch.uint16, torch.float32}
_EIGHT_BITS = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"})
_GREY = frozenset({"1", "L", "LA"})
_XMP = "XML:com.adobe.xmp"  # keyword of the XMP packet in a PNG


@dataclass(frozen=True)
class Photograph:
    """A photograph as the network takes it.

    Attributes:
        planes: Shape (3, H, W), uint8, uint16, or float32 in [0, 1]; RGB.
        back: Turns restored planes into what the user gave: its kind, shape and type.
    """

    planes: Tensor
    back: Callable[[Tensor], Any]


def read_photograph(photo: object, *, bgr: bool = False) -> Photograph:
    """Read an array, a PIL image or a tensor.

    Args:
        photo: An array (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4): grey, grey, grey with
            alpha, RGB, or RGB with alpha; uint8, uint16, or float32 in [0, 1]. Or a PIL image of 8
            bits per channel. Or a tensor (3, H, W), RGB, of these types.
        bgr: Whether the channels of an array are blue, green, red, as OpenCV has them.

    Raises:
        TypeError: If it is none of these.
        ValueError: If it has another shape, holds values outside [0, 1], or ``bgr`` is given for
            a PIL image or a tensor.
    """
    if isinstance(photo, np.ndarray):
        return _of_array(photo, bgr=bgr)
    if bgr:
        raise ValueError("bgr=True is for arrays of OpenCV; leave it out for other pictures")
    if isinstance(photo, Image.Image):
        return _of_image(photo)
    if isinstance(photo, Tensor):
        return Photograph(_checked(photo), lambda restored: restored)
    raise TypeError(
        f"a picture is an array, a PIL image or a tensor, got {type(photo).__name__}; open a file "
        f"with PIL.Image.open"
    )


def as_planes(pixels: NDArray[Any], *, bgr: bool = False) -> Tensor:
    """Turn an array into a tensor (3, H, W) of its type; arguments as of ``read_photograph``."""
    if pixels.dtype not in _TYPES:
        raise TypeError(
            f"an array holds uint8, uint16 or float32, got {pixels.dtype}; convert it first, with "
            f"astype for example"
        )
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or 0 in pixels.shape or channels > 4:
        raise ValueError(
            f"an array has shape (H, W) or (H, W, C) with 1 to 4 channels, got {pixels.shape}"
        )
    if pixels.dtype == np.float32 and not (pixels.min() >= 0 and pixels.max() <= 1):
        raise ValueError("values of float32 must be in [0, 1]; divide them by 255 for example")
    colours = pixels if pixels.ndim == 3 else pixels[:, :, None]
    if channels < 3:
        colours = colours[:, :, [0, 0, 0]]
    rgb = colours[:, :, 2::-1] if bgr and channels > 2 else colours[:, :, :3]
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))


def as_pixels(planes: Tensor) -> Pixels:
    """Turn a tensor (3, H, W) into an array (H, W, 3)."""
    pixels: Pixels = planes.permute(1, 2, 0).contiguous().numpy()
    return pixels


def _of_array(pixels: NDArray[Any], *, bgr: bool) -> Photograph:
    def back(restored: Tensor) -> NDArray[Any]:
        rgb: NDArray[Any] = as_pixels(restored)
        if pixels.ndim == 2 or pixels.shape[2] < 3:
            colours = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))[:, :, None]
        else:
            colours = rgb[:, :, ::-1] if bgr else rgb
        if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
            colours = np.concatenate([colours, pixels[:, :, -1:]], axis=2)
        return np.ascontiguousarray(colours).reshape(pixels.shape)

    return Photograph(as_planes(pixels, bgr=bgr), back)


def _of_image(image: Image.Image) -> Photograph:
    picture = picture_of(image)

    def back(restored: Tensor) -> Image.Image:
        out = image_of(picture, as_pixels(restored))
        if "dpi" in image.info:
            out.info["dpi"] = image.info["dpi"]
        return out

    return Photograph(as_planes(picture.rgb), back)


def _checked(picture: Tensor) -> Tensor:
    if picture.dtype not in _TENSORS:
        raise TypeError(f"a tensor holds uint8, uint16 or float32, got {picture.dtype}")
    if picture.dim() != 3 or picture.shape[0] != 3 or 0 in picture.shape:
        shape = tuple(picture.shape)
        raise ValueError(f"a tensor has shape (3, H, W); arrays have (H, W, 3); got {shape}")
    if picture.dtype == torch.float32 and not (picture.min() >= 0 and picture.max() <= 1):
        raise ValueError("values of float32 must be in [0, 1]; divide them by 255 for example")
    return picture


def picture_of(image: Image.Image) -> Picture:
    """Read a PIL image as ``model.pictures`` reads the file that holds it.

    Orientation, colour profile and transparency are therefore treated as in the service and in
    ``abair restore``: the image is written to memory without loss, and decoded.

    Args:
        image: A PIL image with 8 bits per channel.

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
