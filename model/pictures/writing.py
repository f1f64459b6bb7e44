"""Picture -> bytes, with what was kept beside the pixels."""

import io

import imagecodecs
import numpy as np
from PIL import Image

from model.pictures.colour import in_own_colours
from model.pictures.containers import Blocks, into_jpeg, into_png, tiff
from model.pictures.formats import LOSSLESS, Encoding
from model.pictures.picture import Picture, Pixels, to_eight_bits

_OPTIONS: dict[str, dict[str, object]] = {
    "webp": {"method": 2},
    "avif": {"speed": 9, "subsampling": "4:4:4", "advanced": {"alpha:lossless": "1"}},
}
"""See docs/lessons.md#image-encoders. Without ``alpha:lossless`` AVIF blurs transparency."""


def encode(
    picture: Picture, restored: Pixels, encoding: Encoding, *, quality: int
) -> tuple[bytes, tuple[str, ...]]:
    """Write restored pixels with the alpha, greyness, colours and metadata of ``picture``.

    Args:
        picture: The input.
        restored: Pixels in the colours of ``picture.rgb``: (H, W, 3), of its type.
        encoding: The format.
        quality: 1 to 100, for the lossy formats; 100 makes WebP lossless.

    Returns:
        The file, and what the caller should know.
    """
    notices: tuple[str, ...] = ()
    pixels, alpha = in_own_colours(picture, restored), picture.alpha
    if alpha is not None and not encoding.alpha:
        alpha, notices = None, (f"{encoding.name} holds no transparency: it was left out",)
    if pixels.dtype != np.uint8 and not encoding.deep:
        notices = (*notices, f"{encoding.name} holds 8 bits a channel: 16 were reduced to 8")
        pixels, alpha = to_eight_bits(pixels), None if alpha is None else to_eight_bits(alpha)
    if alpha is not None:
        pixels = np.concatenate([pixels, alpha[:, :, None]], axis=2)
    body, left_out = _written(
        pixels, encoding.name, quality, Blocks(picture.exif, picture.xmp, picture.icc)
    )
    return body, notices + left_out


def png_bytes(pixels: Pixels) -> bytes:
    """Write (H, W, 1 to 4), uint8 or uint16, as PNG, fast."""
    return bytes(
        imagecodecs.png_encode(
            np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels),
            level=1,
            strategy=imagecodecs.PNG.STRATEGY.RLE,
            filter=imagecodecs.PNG.FILTER.SUB,
        )
    )


def _written(
    pixels: Pixels, name: str, quality: int, blocks: Blocks
) -> tuple[bytes, tuple[str, ...]]:
    if name == "png":
        return into_png(png_bytes(pixels), blocks), ()
    if name == "tiff":
        return tiff(pixels, blocks), ()
    plain = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    if name == "jpeg":
        data = imagecodecs.jpeg8_encode(plain, level=quality, subsampling="444")
        return into_jpeg(bytes(data), blocks)
    body = io.BytesIO()
    options = dict(_OPTIONS.get(name, {}))
    if name == "webp" and quality == LOSSLESS:
        options = {"lossless": True, "method": 0, "exact": True}
    if name != "bmp":
        options |= {"exif": blocks.exif, "xmp": blocks.xmp, "icc_profile": blocks.icc}
    Image.fromarray(plain).save(
        body, name.upper(), quality=0 if "lossless" in options else quality, **options
    )
    return body.getvalue(), ()
