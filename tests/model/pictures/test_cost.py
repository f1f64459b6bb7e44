"""What decoding takes is told before: measured for a picture of every kind, in a process each."""

import io

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from model.pictures import OversizedPictureError, decode_bytes, read_header
from tools.bounded import Meter
from tools.hostile_files.tiff import one_strip, zeros
from tools.picture_files import exif_block, file_of, profile, tiff_of, waves

SIDE = 2000
FIXED = 40 * 2**20


def heic():
    body = io.BytesIO()
    image = Image.fromarray(waves(SIDE, SIDE, channels=4))
    pillow_heif.from_pillow(image).save(body, quality=50, enc_params={"preset": "ultrafast"})
    return body.getvalue()


def heic_of_10_bits():
    body = io.BytesIO()
    pixels = waves(SIDE, SIDE, np.uint16, 4)
    made = pillow_heif.from_bytes("RGBA;16", (SIDE, SIDE), pixels.tobytes())
    made.save(body, quality=50, enc_params={"preset": "ultrafast"})
    return body.getvalue()


def deep(channels=4):
    return waves(SIDE, SIDE, np.uint16, channels)


def by_columns():
    body = io.BytesIO()
    np.save(body, np.asfortranarray(deep(3)))
    return body.getvalue()


def floats():
    return (waves(SIDE, SIDE, channels=4) / 255).astype(np.float64)


WIDE = {"icc_profile": profile("Display P3"), "exif": exif_block(6)}
KINDS = {
    "JPEG, wide, turned": lambda: file_of(waves(SIDE, SIDE), "JPEG", **WIDE),
    "JPEG, CMYK, progressive": lambda: file_of(
        Image.fromarray(waves(SIDE, SIDE)).convert("CMYK"), "JPEG", progressive=True
    ),
    "PNG, wide, turned, alpha": lambda: file_of(
        waves(SIDE, SIDE, channels=4), compress_level=1, **WIDE
    ),
    "PNG, 16 bits, alpha": lambda: imagecodecs.png_encode(deep(), level=1),
    "WebP, lossless, alpha": lambda: file_of(
        waves(SIDE, SIDE, channels=4), "WEBP", lossless=True, method=0
    ),
    "TIFF, 16 bits, premultiplied": lambda: tiff_of(
        deep(), photometric="rgb", extrasamples=["assocalpha"], compression="zlib"
    ),
    "TIFF, 64-bit floats, no compression": lambda: tiff_of(floats()[:, :, :3], photometric="rgb"),
    "TIFF, 64-bit floats, one strip": lambda: tiff_of(
        floats(),
        photometric="rgb",
        extrasamples=["unassalpha"],
        compression="zlib",
        predictor=3,
        rowsperstrip=SIDE,
    ),
    "TIFF, 8 bits, one strip": lambda: file_of(
        waves(SIDE, SIDE), "TIFF", compression="tiff_adobe_deflate", tiffinfo={278: SIDE}
    ),
    "BMP": lambda: file_of(waves(SIDE, SIDE), "BMP"),
    "AVIF, 10 bits, alpha": lambda: imagecodecs.avif_encode(
        deep() >> 6, bitspersample=10, speed=10, level=80
    ),
    "HEIC, alpha": heic,
    "HEIC, 10 bits, alpha": heic_of_10_bits,
    "JPEG XL, alpha": lambda: imagecodecs.jpegxl_encode(
        waves(SIDE, SIDE, channels=4), level=90, effort=2
    ),
    "JPEG XL, lossless, 16 bits, alpha": lambda: imagecodecs.jpegxl_encode(
        deep(), lossless=True, effort=1
    ),
    "JPEG XL, 16 bits, alpha": lambda: imagecodecs.jpegxl_encode(deep(), level=90, effort=2),
    "JPEG XL, floats": lambda: imagecodecs.jpegxl_encode(
        floats().astype(np.float32), level=90, effort=2
    ),
    "JPEG 2000, alpha": lambda: file_of(waves(SIDE, SIDE, channels=4), "JPEG2000"),
    "JPEG 2000, 16 bits, alpha": lambda: imagecodecs.jpeg2k_encode(deep(), level=0),
    "NumPy, 16 bits, by columns": by_columns,
    "JPEG, cut off": lambda: file_of(waves(SIDE, SIDE), "JPEG")[:-100],
}


@pytest.fixture(scope="module")
def meter():
    with Meter() as meter:
        yield meter


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_decoding_takes_no_more_memory_than_was_told_and_not_far_less(name, meter, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(KINDS[name]())
    cost = meter.cost_of(path)
    assert cost.outcome == "read", cost
    taken = cost.mebibytes * 2**20
    assert taken <= cost.promised, cost
    assert cost.promised <= 3 * taken + FIXED, cost


def test_more_pixels_and_wider_ones_take_more():
    small, large = (read_header(file_of(waves(side, side))) for side in (100, 1000))
    assert decode_bytes(large) > decode_bytes(small)
    deep_one = read_header(bytes(imagecodecs.png_encode(waves(1000, 1000, np.uint16))))
    assert decode_bytes(deep_one) > decode_bytes(large)


def test_a_picture_within_the_pixels_allowed_is_refused_if_decoding_it_takes_too_much():
    side = 2500
    data = one_strip(3, 64, 4, side, zeros(64, 4, side))
    assert read_header(data, max_pixels=4 * side * side).pixels == side * side
    with pytest.raises(OversizedPictureError, match="decoding the picture takes"):
        read_header(data, max_pixels=side * side)
