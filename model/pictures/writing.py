"""Picture -> bytes, with what was kept beside the pixels."""

import io
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.pictures.arrays import npy
from model.pictures.embed_metadata import MetadataBlocks, into_jpeg, into_jxl, into_png, tiff
from model.pictures.floats import FULL
from model.pictures.formats import ENCODINGS, LOSSLESS, Encoding
from model.pictures.output_metadata import convert_colours, with_metadata
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
    pixels, blocks, notices = convert_colours(picture, restored, encoding)
    alpha = picture.alpha
    if alpha is not None and not encoding.alpha:
        alpha, notices = None, (*notices, f"{encoding.name} holds no transparency: it was left out")
    if encoding.name == "tiff" and picture.beyond is not None:
        body, left_out = _tiff_of_floats(picture, pixels, blocks)
        return body, notices + left_out
    if pixels.dtype != np.uint8 and not encoding.deep:
        notices = (
            *notices,
            f"{encoding.name} is written with 8 bits a channel: more were reduced to 8",
        )
        pixels, alpha = to_eight_bits(pixels), None if alpha is None else to_eight_bits(alpha)
    if alpha is not None:
        pixels = np.concatenate([pixels, alpha[:, :, None]], axis=2)
    blocks, lost = with_metadata(blocks, picture, encoding)
    body, left_out = _written(pixels, encoding.name, quality, blocks)
    return body, notices + lost + left_out


def _tiff_of_floats(
    picture: Picture, pixels: Pixels, blocks: MetadataBlocks
) -> tuple[bytes, tuple[str, ...]]:
    """Write a TIFF of floats, in which what lay below 0 or above 1 is there again."""
    assert picture.beyond is not None
    values = pixels.astype(np.float32) / FULL + picture.beyond[:, :, : pixels.shape[2]]
    if picture.alpha is not None:
        values = np.dstack([values, picture.alpha.astype(np.float32) / FULL])
    blocks, lost = with_metadata(blocks, picture, ENCODINGS["tiff"])
    return tiff(values, blocks), lost


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


_WRITERS: dict[str, Callable[[Pixels, MetadataBlocks], bytes]] = {
    "png": lambda pixels, blocks: into_png(png_bytes(pixels), blocks),
    "tiff": tiff,
    "npy": lambda pixels, _: npy(pixels),
}
"""What writes a format that loses nothing and takes all channels as they are."""


def _written(
    pixels: Pixels, name: str, quality: int, blocks: MetadataBlocks
) -> tuple[bytes, tuple[str, ...]]:
    if name in _WRITERS:
        return _WRITERS[name](pixels, blocks), ()
    plain = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    if name == "jpeg":
        data = imagecodecs.jpeg8_encode(plain, level=quality, subsampling="444")
        return into_jpeg(bytes(data), blocks)
    if name == "jxl":
        return into_jxl(_jxl(plain, quality), blocks), ()
    body = io.BytesIO()
    options = dict(_OPTIONS.get(name, {}))
    if name == "webp" and quality == LOSSLESS:
        options = {"lossless": True, "method": 0, "exact": True}
    if name != "bmp":
        options |= {"exif": blocks.exif, "xmp": blocks.xmp, "icc_profile": blocks.icc}
    elif blocks.density is not None:
        options |= {"dpi": blocks.density}
    Image.fromarray(plain).save(
        body, name.upper(), quality=0 if "lossless" in options else quality, **options
    )
    return body.getvalue(), ()


def _jxl(pixels: NDArray[Any], quality: int) -> bytes:
    """Write 8 bits as JPEG XL; the distance is the one of libjxl's command for a quality."""
    if quality == LOSSLESS:
        return bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=1, numthreads=1))
    fine = 0.1 + (100 - quality) * 0.09
    coarse = 53 / 3000 * quality**2 - 23 / 20 * quality + 25
    distance = fine if quality >= 30 else coarse
    return bytes(imagecodecs.jpegxl_encode(pixels, distance=distance, effort=3, numthreads=1))
