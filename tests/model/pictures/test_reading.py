import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from model.pictures import (
    BrokenPictureError,
    OversizedPictureError,
    UnsupportedPictureError,
    decode,
    pillow_decoding,
    read_header,
)
from tools.fakes import photo, png_header
from tools.picture_files import file_of, kinds, tiff_of, values_of, waves

ORIENTATION = 0x0112


def alpha_of(height=40, width=56, dtype=np.uint8):
    return np.arange(height * width, dtype=dtype).reshape(height, width)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF"])
def test_the_header_tells_the_size(kind):
    header = read_header(file_of(photo(24, 40), kind))
    assert (header.format, header.height, header.width) == (kind, 24, 40)


def test_a_bomb_is_refused_by_its_header():
    with pytest.raises(OversizedPictureError, match="200000000 pixels"):
        read_header(png_header(20_000, 10_000), max_pixels=10**8)


@pytest.mark.parametrize("data", [b"", b"text", file_of(photo(), "GIF"), b"%PDF-1.7 ..."])
def test_other_files_are_not_even_tried(data):
    with pytest.raises(UnsupportedPictureError):
        read_header(data)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_a_file_cut_off_is_told(kind):
    data = file_of(photo(200, 200), kind)
    with pytest.raises(BrokenPictureError):
        decode(data[: len(data) * 2 // 3])


@pytest.mark.parametrize("name", ["PNG, RGB, 16 bits", "TIFF, RGB, 16 bits, Adobe RGB"])
def test_a_file_of_16_bits_cut_off_is_told(name):
    data = kinds()[name]
    with pytest.raises(BrokenPictureError):
        decode(data[: len(data) * 2 // 3])


def test_pixels_are_exact_and_writable():
    picture = decode(file_of(photo()))
    np.testing.assert_array_equal(picture.rgb, photo())
    assert picture.rgb.flags.writeable
    assert not picture.grey
    assert picture.alpha is None


def test_a_picture_is_copied_in_bands(monkeypatch):
    monkeypatch.setattr(pillow_decoding, "_BAND_PIXELS", 200)
    np.testing.assert_array_equal(decode(file_of(photo(41, 30))).rgb, photo(41, 30))


def test_grey_is_known_as_grey():
    picture = decode(file_of(photo()[:, :, 0]))
    assert picture.grey
    np.testing.assert_array_equal(picture.rgb, np.repeat(photo()[:, :, :1], 3, axis=2))


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_kept_aside(channels):
    colour = photo()[:, :, : channels - 1]
    picture = decode(file_of(np.dstack([colour, alpha_of()])))
    np.testing.assert_array_equal(picture.alpha, alpha_of())
    np.testing.assert_array_equal(picture.rgb[:, :, : channels - 1], colour)
    assert picture.grey is (channels == 2)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_16_bits_keeps_them(channels):
    deep = waves(dtype=np.uint16, channels=channels)
    picture = decode(bytes(imagecodecs.png_encode(deep[:, :, 0].copy() if channels == 1 else deep)))
    assert picture.rgb.dtype == np.uint16
    assert picture.grey is (channels < 3)
    colours = 1 if picture.grey else 3
    np.testing.assert_array_equal(picture.rgb[:, :, :colours], deep[:, :, :colours])
    if channels in (2, 4):
        np.testing.assert_array_equal(picture.alpha, deep[:, :, -1])


def test_a_clear_colour_of_a_png_of_16_bits_is_alpha():
    deep = waves(8, 8, np.uint16)
    plain = imagecodecs.png_encode(deep)
    colour = deep[3, 5].astype(">u2").tobytes()
    with Image.open(io.BytesIO(file_of(photo(2, 2), transparency=(1, 2, 3)))) as image:
        assert image.info["transparency"] == (1, 2, 3)
    chunk = b"tRNS" + colour
    checksum = imagecodecs.zlib_crc32(chunk).to_bytes(4, "big")
    picture = decode(plain[:33] + b"\0\0\0\6" + chunk + checksum + plain[33:])
    np.testing.assert_array_equal(picture.alpha == 0, (deep == deep[3, 5]).all(axis=2))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "lzw", "predictor": True},
        {"compression": "zlib", "predictor": True},
        {"compression": "zstd"},
        {"byteorder": ">"},
        {"tile": (32, 32), "compression": "lzw"},
        {"bigtiff": True},
    ],
    ids=str,
)
def test_a_tiff_of_16_bits_keeps_them(options):
    deep = waves(dtype=np.uint16)
    picture = decode(tiff_of(deep, photometric="rgb", **options))
    np.testing.assert_array_equal(picture.rgb, deep)
    assert picture.rgb.dtype == np.uint16


def test_a_tiff_of_planes_is_put_together():
    deep = waves(dtype=np.uint16)
    planes = np.moveaxis(deep, 2, 0).copy()
    data = tiff_of(planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(decode(data).rgb, deep)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_of_grey_and_alpha_is_read(dtype):
    both = waves(dtype=dtype, channels=2)
    picture = decode(tiff_of(both, photometric="minisblack", extrasamples=["unassalpha"]))
    assert picture.grey
    np.testing.assert_array_equal(picture.rgb[:, :, 0], both[:, :, 0])
    np.testing.assert_array_equal(picture.alpha, both[:, :, 1])


def test_premultiplied_colour_is_divided_by_alpha():
    colour = np.full((4, 4, 3), 20_000, np.uint16)
    alpha = np.full((4, 4, 1), 32_768, np.uint16)
    premultiplied = np.dstack([colour // 2, alpha])
    picture = decode(tiff_of(premultiplied, photometric="rgb", extrasamples=["assocalpha"]))
    np.testing.assert_allclose(picture.rgb, colour, atol=2)
    np.testing.assert_array_equal(picture.alpha, alpha[:, :, 0])


def test_white_may_be_zero():
    deep = waves(dtype=np.uint16, channels=1)[:, :, 0]
    picture = decode(tiff_of(deep, photometric="miniswhite"))
    np.testing.assert_array_equal(picture.rgb[:, :, 0], 65535 - deep)


def test_twelve_bits_reach_from_black_to_white():
    values = np.array([[0, 4095, 2048, 1]], np.uint16)
    body = io.BytesIO()
    tifffile.imwrite(body, values, bitspersample=12, metadata=None)
    np.testing.assert_array_equal(decode(body.getvalue()).rgb[0, :, 0], [0, 65535, 32775, 16])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_from_0_to_1_become_16_bits(dtype):
    values = np.linspace(0, 1, 60, dtype=dtype).reshape(4, 5, 3)
    picture = decode(tiff_of(values, photometric="rgb"))
    np.testing.assert_array_equal(picture.rgb, np.round(values.astype(np.float32) * 65535))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_floats_that_are_no_numbers_are_refused(bad):
    values = np.full((4, 4), 0.5, np.float32)
    values[1, 2] = bad
    with pytest.raises(UnsupportedPictureError, match="no finite numbers") as error:
        decode(tiff_of(values))
    assert "16 bits" in error.value.hint


@pytest.mark.parametrize("scale", [255, 65_535, -1])
def test_floats_whose_white_is_not_1_are_refused(scale):
    values = np.linspace(0, scale, 48, dtype=np.float32).reshape(4, 12)
    with pytest.raises(UnsupportedPictureError, match="black must be 0 and white 1") as error:
        decode(tiff_of(values))
    assert "white is 1" in error.value.hint


@pytest.mark.parametrize("dtype", [np.uint32, np.int16, np.int32, np.complex64])
def test_other_numbers_are_refused(dtype):
    with pytest.raises(UnsupportedPictureError):
        decode(tiff_of(np.zeros((4, 4), dtype)))


@pytest.mark.parametrize(
    "options",
    [{"subfiletype": 1}, {"extratags": [(50706, 1, 4, (1, 4, 0, 0), True)]}],
    ids=["a thumbnail first", "DNG"],
)
def test_the_thumbnail_of_a_raw_photograph_is_not_taken_for_it(options):
    data = tiff_of(waves(), photometric="rgb", **options)
    for read in (read_header, decode):
        with pytest.raises(UnsupportedPictureError, match="raw photographs"):
            read(data)


def test_a_small_tiff_cannot_ask_for_a_large_tile():
    page = tiff_of(np.zeros((16, 16), np.uint16), tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(body := io.BytesIO(page), mode="r+") as file:
        file.pages.first.tags["TileWidth"].overwrite(2**15)
        file.pages.first.tags["TileLength"].overwrite(2**15)
    with pytest.raises(BrokenPictureError, match="tiles"):
        decode(body.getvalue())


def test_a_strip_of_a_tiff_cannot_swell():
    bomb = imagecodecs.zlib_encode(bytes(2**26))
    body = io.BytesIO()
    tifffile.imwrite(body, iter([bytes(bomb)]), shape=(1, 1), dtype="uint16", compression="zlib")
    with pytest.raises(BrokenPictureError):
        decode(body.getvalue())


@pytest.mark.parametrize("mode", ["1", "P"])
def test_one_bit_and_palettes_are_converted(mode):
    image = Image.fromarray(photo()).convert(mode)
    picture = decode(file_of(image))
    np.testing.assert_array_equal(picture.rgb, np.array(image.convert("RGB")))
    assert picture.grey is (mode == "1")


def test_a_palettes_transparency_is_alpha():
    image = Image.fromarray(photo()).convert("P")
    picture = decode(file_of(image, transparency=3))
    np.testing.assert_array_equal(picture.alpha, np.where(np.array(image) == 3, 0, 255))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_orientation_is_applied(orientation, dtype):
    pixels = waves(20, 30, dtype)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    if dtype == np.uint8:
        data = file_of(pixels, exif=exif)
        expected = values_of(data)
    else:
        data = tiff_of(pixels, photometric="rgb", extratags=[(ORIENTATION, 3, 1, orientation)])
        turned = Image.fromarray((pixels >> 8).astype(np.uint8))
        turned.getexif()[ORIENTATION] = orientation
        expected = values_of(file_of(turned, exif=exif))
    rgb = decode(data).rgb
    np.testing.assert_array_equal(rgb if dtype == np.uint8 else rgb >> 8, expected)


@pytest.mark.parametrize("name", [name for name in kinds() if "animated" in name])
def test_the_first_frame_is_taken_and_said(name):
    picture = decode(kinds()[name])
    np.testing.assert_array_equal(picture.rgb, waves())
    assert "several pictures" in picture.notices[0]


def test_a_tiff_of_pages_gives_the_first_and_says_so():
    body = io.BytesIO()
    for page in range(3):
        body.seek(0)
        tifffile.imwrite(body, waves(dtype=np.uint16) // (page + 1), append=page > 0, metadata=None)
    picture = decode(body.getvalue())
    np.testing.assert_array_equal(picture.rgb, waves(dtype=np.uint16))
    assert "several pictures" in picture.notices[0]


def test_heic_is_read():
    picture = decode(kinds()["HEIC"])
    assert picture.format == "HEIF"
    assert np.abs(picture.rgb.astype(int) - waves()).mean() < 5


def test_heic_without_its_codec_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(pillow_decoding, "HEIF", False)
    with pytest.raises(UnsupportedPictureError, match="codec is not installed") as error:
        read_header(kinds()["HEIC"])
    assert "pip install '.[heic]'" in error.value.hint
