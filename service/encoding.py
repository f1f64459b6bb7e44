"""Picture -> bytes, with what was kept beside the pixels."""

import io
import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from service.errors import InvalidOptionsError
from service.images import Picture

cv2.setNumThreads(1)  # the pool's threads are parallel already; the others belong to the model


@dataclass(frozen=True)
class Encoding:
    """A format we write.

    Attributes:
        name: The option's word.
        media_type: Its media type.
        max_side: Longest side it can hold, pixels.
        alpha: Whether it holds transparency.
    """

    name: str
    media_type: str
    max_side: int
    alpha: bool


ENCODINGS: dict[str, Encoding] = {
    encoding.name: encoding
    for encoding in (
        Encoding("png", "image/png", 2**31 - 1, alpha=True),
        Encoding("jpeg", "image/jpeg", 65_500, alpha=False),
        Encoding("webp", "image/webp", 16_383, alpha=True),
        Encoding("avif", "image/avif", 65_536, alpha=True),
    )
    if encoding.name != "avif" or features.check("avif")
}
BY_MEDIA_TYPE = {encoding.media_type: encoding for encoding in ENCODINGS.values()}

_NATURAL = {"JPEG": "jpeg", "MPO": "jpeg", "WEBP": "webp", "AVIF": "avif"}


def natural_encoding(file_format: str) -> Encoding:
    """Return the format in which a picture that came as ``file_format`` goes back."""
    return ENCODINGS[_NATURAL.get(file_format, "png")]


def check_size(encoding: Encoding, width: int, height: int) -> None:
    """Refuse a picture that ``encoding`` cannot hold."""
    if max(width, height) > encoding.max_side:
        raise InvalidOptionsError(
            f"{encoding.name} holds at most {encoding.max_side} pixels a side, "
            f"the picture is {width}x{height}",
            hint="Ask for format=png.",
        )


def encode(
    picture: Picture, rgb: NDArray[np.uint8], encoding: Encoding, *, quality: int
) -> tuple[bytes, tuple[str, ...]]:
    """Write ``rgb`` with the alpha, greyness and metadata of ``picture``.

    Args:
        picture: The input.
        rgb: Pixels to write, shape (H, W, 3), uint8.
        encoding: The format.
        quality: 1 to 100, for the lossy formats.

    Returns:
        The file, and what the caller should know.
    """
    notices: tuple[str, ...] = ()
    alpha = picture.alpha
    if alpha is not None and not encoding.alpha:
        alpha, notices = None, (f"{encoding.name} holds no transparency: it was left out",)
    pixels = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[:, :, None] if picture.grey else rgb
    if alpha is not None:
        pixels = np.concatenate([pixels, alpha[:, :, None]], axis=2)
    if encoding.name == "png":
        return _png(pixels.astype(np.uint8, copy=False), picture), notices
    options: dict[str, object] = {"quality": quality}
    if encoding.name == "jpeg":
        options["subsampling"] = 0
    if encoding.name == "avif":
        options["speed"] = 8
    exif = picture.exif if len(picture.exif) < 65_000 else b""
    body = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(
        body, encoding.name.upper(), exif=exif, icc_profile=picture.icc or None, **options
    )
    return body.getvalue(), notices


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """Write an array of shape (H, W, 1 to 4) as PNG, fast."""
    channels = pixels.shape[2]
    if channels == 2:  # grey and alpha: OpenCV has no such thing
        body = io.BytesIO()
        Image.fromarray(pixels).save(body, "PNG", compress_level=1)
        return body.getvalue()
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    ordered = cv2.cvtColor(pixels, codes[channels]) if channels in codes else pixels
    return cv2.imencode(".png", ordered)[1].tobytes()


def _png(pixels: NDArray[np.uint8], picture: Picture) -> bytes:
    """Write PNG and put EXIF and ICC chunks behind its header."""
    plain = png_bytes(pixels)
    chunks = b""
    if picture.icc:
        chunks += _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(picture.icc))
    if picture.exif:
        chunks += _chunk(b"eXIf", picture.exif.removeprefix(b"Exif\0\0"))
    header_end = 33  # signature 8, IHDR 25
    return plain[:header_end] + chunks + plain[header_end:] if chunks else plain


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
