"""Transparency and values that readers often lose: of few bits, undeclared, beyond white."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
import tifffile

from model.pictures import ENCODINGS, decode, encode
from tools.odd_files import png_of
from tools.picture_files import file_of, tiff_of, waves


def samples(depth):
    return np.tile(np.arange(64, dtype=np.uint8) % 2**depth, (8, 1))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_clear_sample_of_few_bits_is_clear_and_no_other_is(depth):
    for clear in {0, 1, 2**depth - 1}:
        picture = decode(png_of(samples(depth), (b"tRNS", struct.pack(">H", clear)), depth=depth))
        np.testing.assert_array_equal(picture.alpha, np.where(samples(depth) == clear, 0, 255))
        expected = samples(depth) * (255 // (2**depth - 1))
        np.testing.assert_array_equal(picture.rgb[:, :, 0], expected)


def test_a_clear_sample_of_16_bits_is_compared_in_all_of_them():
    values = np.tile(0x1200 + np.arange(64, dtype=np.uint16), (8, 1))
    picture = decode(png_of(values, (b"tRNS", struct.pack(">H", 0x1207))))
    np.testing.assert_array_equal(picture.alpha == 0, values == 0x1207)


def test_a_clear_colour_of_8_bits_is_clear():
    pixels = waves()
    colour = struct.pack(">3H", *pixels[3, 5])
    picture = decode(png_of(pixels, (b"tRNS", colour)))
    np.testing.assert_array_equal(picture.alpha == 0, (pixels == pixels[3, 5]).all(axis=2))


def bmp_of_32_bits(pixels, *, top_down=False):
    height, width = pixels.shape[:2]
    rows = pixels if top_down else pixels[::-1]
    body = rows[:, :, [2, 1, 0, 3]].tobytes()
    head = struct.pack("<2sIHHI", b"BM", 54 + len(body), 0, 0, 54)
    sides = (width, -height if top_down else height)
    return head + struct.pack("<IiiHHIIiiII", 40, *sides, 1, 32, 0, len(body), 0, 0, 0, 0) + body


@pytest.mark.parametrize("top_down", [False, True])
def test_the_fourth_byte_of_a_bmp_is_transparency_if_it_says_something(top_down):
    pixels = waves(channels=4)
    picture = decode(bmp_of_32_bits(pixels, top_down=top_down))
    np.testing.assert_array_equal(picture.rgb, pixels[:, :, :3])
    np.testing.assert_array_equal(picture.alpha, pixels[:, :, 3])
    for meaningless in (0, 255):
        pixels[:, :, 3] = meaningless
        assert decode(bmp_of_32_bits(pixels, top_down=top_down)).alpha is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
def test_a_channel_of_a_tiff_that_is_declared_as_nothing_is_named(dtype, channels):
    pixels = waves(dtype=dtype, channels=channels)
    kind = "rgb" if channels == 4 else "minisblack"
    picture = decode(tiff_of(pixels, photometric=kind, extrasamples=["unspecified"]))
    np.testing.assert_array_equal(picture.rgb[:, :, 0], pixels[:, :, 0])
    assert picture.alpha is None
    assert "left out" in picture.notices[0]


def beyond():
    values = waves(channels=3).astype(np.float32) / 255 * 1.4 - 0.1
    values[0, 0] = (7.5, -0.5, 1.0)
    return values


def test_floats_beyond_black_and_white_are_clipped_and_that_is_said():
    picture = decode(tiff_of(beyond(), photometric="rgb", compression="zlib"))
    expected = np.round(beyond().clip(0, 1) * 65_535)
    np.testing.assert_array_equal(picture.rgb, expected)
    assert "clipped" in picture.notices[0]
    assert picture.beyond is None


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib", "rowsperstrip": 5}, {"tile": (16, 32)}],
    ids=str,
)
def test_floats_come_back_unclipped_in_a_tiff_on_demand(options):
    picture = decode(tiff_of(beyond(), photometric="rgb", **options), beyond=True)
    darker = (picture.rgb * 0.5).astype(np.uint16)
    for restored, factor in ((picture.rgb, 1.0), (darker, 0.5)):
        body, _ = encode(picture, restored, ENCODINGS["tiff"], quality=92)
        got = tifffile.imread(io.BytesIO(body))
        inside = beyond().clip(0, 1)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, inside * factor + beyond() - inside, atol=3e-5)
    body, _ = encode(picture, picture.rgb, ENCODINGS["png"], quality=92)
    np.testing.assert_array_equal(imagecodecs.png_decode(body), picture.rgb)


def test_floats_with_transparency_and_a_turn_come_back_unclipped():
    values = np.dstack([beyond(), waves(channels=4)[:, :, 3:].astype(np.float32) / 255])
    turned = (0x0112, 3, 1, 6)
    data = tiff_of(
        values, photometric="rgb", extrasamples=["unassalpha"], extratags=[turned], byteorder=">"
    )
    picture = decode(data, beyond=True)
    body, _ = encode(picture, picture.rgb, ENCODINGS["tiff"], quality=92)
    np.testing.assert_allclose(tifffile.imread(io.BytesIO(body)), np.rot90(values, -1), atol=3e-5)


def test_floats_within_black_and_white_stay_whole_numbers():
    values = (waves() / 255).astype(np.float32)
    picture = decode(tiff_of(values, photometric="rgb"), beyond=True)
    assert picture.beyond is None
    assert picture.notices == ()
    body, _ = encode(picture, picture.rgb, ENCODINGS["tiff"], quality=92)
    assert tifffile.imread(io.BytesIO(body)).dtype == np.uint16


def test_a_depth_map_of_a_heic_is_no_transparency():
    data = file_of(waves(64, 64, channels=4), "HEIF")
    assert decode(data).alpha is not None
    assert b"urn:mpeg:hevc:2015:auxid:1" in data
    depth = data.replace(b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:hevc:2015:auxid:2")
    assert decode(depth).alpha is None
