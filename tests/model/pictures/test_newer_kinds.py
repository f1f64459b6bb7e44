"""JPEG XL and JPEG 2000."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from model.pictures import (
    ENCODINGS,
    BrokenPictureError,
    OversizedPictureError,
    UnsupportedPictureError,
    decode,
    default_quality,
    encode,
    natural_encoding,
    read_header,
)
from tools.odd_files import XMP_UUID, camera_exif, jp2_with, tags_of
from tools.picture_files import XMP, file_of, profile, waves

SIZES = [(64, 128), (33, 777), (5, 7), (64, 64), (90, 160), (1, 1), (1000, 3), (3, 1000)]


def jxl(pixels, **options):
    return bytes(imagecodecs.jpegxl_encode(pixels, numthreads=1, **({"effort": 1} | options)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("options", [{"lossless": True}, {"level": 90, "usecontainer": True}])
def test_the_header_of_a_jpeg_xl_tells_what_it_is(size, channels, options):
    pixels = waves(size[0], size[1], channels=channels)
    header = read_header(jxl(pixels[:, :, 0].copy() if channels == 1 else pixels, **options))
    assert (header.format, header.height, header.width) == ("JXL", *size)
    assert (header.samples, header.bits) == (channels, 8)
    assert header.lossless == ("lossless" in options)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_lossless_jpeg_xl_is_exact(channels, dtype):
    pixels = waves(dtype=dtype, channels=channels)
    picture = decode(jxl(pixels[:, :, 0].copy() if channels == 1 else pixels, lossless=True))
    own = picture.rgb if picture.own is None else picture.own
    colours = 1 if channels < 3 else 3
    np.testing.assert_array_equal(own[:, :, :colours], pixels[:, :, :colours])
    if channels in (2, 4):
        np.testing.assert_array_equal(picture.alpha, pixels[:, :, -1])


def test_ten_bits_of_a_jpeg_xl_reach_from_black_to_white():
    values = np.arange(1024, dtype=np.uint16).reshape(32, 32)
    picture = decode(jxl(values, lossless=True, bitspersample=10))
    own = picture.rgb if picture.own is None else picture.own
    assert (own.min(), own.max()) == (0, 65_535)


def test_linear_light_of_a_jpeg_xl_is_honoured():
    light = np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64)
    picture = decode(jxl(np.dstack([light] * 3), lossless=True))
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(picture.rgb[:, :, 0] / 65_535 - curve).max() < 0.002


def test_a_jpeg_xl_comes_back_as_such_and_lossless_if_it_was():
    for options in ({"lossless": True}, {"level": 90}):
        data = jxl(waves(), **options)
        header, picture = read_header(data), decode(data)
        encoding = natural_encoding(header)
        quality = default_quality(header, encoding)
        body, notices = encode(picture, picture.rgb, encoding, quality=quality)
        assert (encoding.name, notices) == ("jxl", ())
        off = np.abs(decode(body).rgb.astype(int) - picture.rgb).mean()
        assert off == 0 if "lossless" in options else off < 4


@pytest.mark.parametrize("quality", [1, 20, 30, 60, 99, 100])
def test_a_higher_quality_of_jpeg_xl_is_closer(quality):
    picture = decode(file_of(waves()))
    body, _ = encode(picture, picture.rgb, ENCODINGS["jxl"], quality=quality)
    off = np.abs(decode(body).rgb.astype(int) - picture.rgb).mean()
    assert off <= {1: 30, 20: 15, 30: 10, 60: 9, 99: 2, 100: 0}[quality]


def test_a_jpeg_xl_that_is_cut_off_or_has_no_picture_is_refused():
    data = jxl(waves(), level=90, usecontainer=True)
    for end in (12, 40, len(data) // 2, len(data) - 5):
        with pytest.raises(BrokenPictureError):
            decode(data[:end])
    with pytest.raises(BrokenPictureError, match="cut off"):
        read_header(b"\xff\x0a")


def jp2(pixels, **options):
    return bytes(imagecodecs.jpeg2k_encode(pixels, level=0, **options))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_jpeg_2000_is_exact(channels, dtype):
    pixels = waves(dtype=dtype, channels=channels)
    flat = pixels[:, :, 0].copy() if channels == 1 else pixels
    data = file_of(flat, "JPEG2000") if dtype == np.uint8 else jp2(flat)
    header, picture = read_header(data), decode(data)
    assert (header.format, header.height, header.width) == ("JPEG2000", 48, 64)
    assert (header.samples, header.bits) == (channels, 8 * dtype().itemsize)
    colours = 1 if channels < 3 else 3
    np.testing.assert_array_equal(picture.rgb[:, :, :colours], pixels[:, :, :colours])
    if channels in (2, 4):
        np.testing.assert_array_equal(picture.alpha, pixels[:, :, -1])


def test_a_bare_codestream_and_tiles_of_a_jpeg_2000_are_read():
    data = file_of(waves(), "JPEG2000", tile_size=(16, 16))
    np.testing.assert_array_equal(decode(data).rgb, waves())
    bare = data[data.index(b"\xff\x4f\xff\x51") :]
    np.testing.assert_array_equal(decode(bare).rgb, waves())


def test_a_palette_of_a_jpeg_2000_is_read():
    image = Image.fromarray(waves()).quantize(16)
    body = io.BytesIO()
    image.convert("RGB").save(body, "JPEG2000")
    np.testing.assert_array_equal(decode(body.getvalue()).rgb, np.asarray(image.convert("RGB")))


def test_metadata_and_colours_of_a_jpeg_2000_go_along():
    data = jp2_with(
        file_of(waves(), "JPEG2000"),
        icc=profile("Display P3"),
        uuids=((XMP_UUID, XMP), (b"JpgTiffExif->JP2", camera_exif())),
        dots_per_metre=11_811,
    )
    picture = decode(data)
    assert picture.icc == profile("Display P3")
    assert b"<xmp:Label>mine</xmp:Label>" in picture.xmp
    assert tags_of(picture.exif).keys() == tags_of(camera_exif()).keys()
    assert picture.density == pytest.approx((300, 300), abs=0.1)


def with_size(data, **changed):
    """A JPEG 2000 whose codestream declares other sizes."""
    at = data.index(b"\xff\x4f\xff\x51") + 8
    names = ("right", "bottom", "left", "top", "tile_width", "tile_height")
    values = dict(zip(names, struct.unpack_from(">6I", data, at), strict=True)) | changed
    return data[:at] + struct.pack(">6I", *values.values()) + data[at + 24 :]


def test_sizes_of_a_jpeg_2000_that_cannot_be_are_refused():
    data = file_of(waves(), "JPEG2000")
    for changed in ({"tile_width": 0}, {"left": 2**31}, {"right": 0}):
        with pytest.raises(BrokenPictureError):
            read_header(with_size(data, **changed))
    with pytest.raises(OversizedPictureError, match="tiles"):
        read_header(with_size(data, right=60_000, bottom=8_000, tile_width=1, tile_height=1))
    with pytest.raises(OversizedPictureError):
        read_header(with_size(data, right=2**31, bottom=2**31), max_pixels=10**8)
    with pytest.raises(BrokenPictureError):
        decode(data[: len(data) // 2])


def test_channels_of_a_jpeg_2000_that_are_not_read_are_told():
    data = file_of(waves(), "JPEG2000")
    at = data.index(b"\xff\x4f\xff\x51") + 42
    for changed in (b"\x87\1\1", b"\x1f\1\1", b"\7\7\7"):
        with pytest.raises(UnsupportedPictureError):
            read_header(data[:at] + changed + data[at + 3 :])
