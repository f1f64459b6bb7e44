import io

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from model.pictures import (
    ENCODINGS,
    Header,
    Picture,
    decode,
    default_quality,
    encode,
    natural_encoding,
    read_header,
)
from tools.fakes import photo, picture_of
from tools.picture_files import facts_of, file_of, kinds, profile, read_exif, values_of, waves

NAMES = sorted(ENCODINGS.keys() - {"npy"})


def alpha_of(dtype=np.uint8):
    return np.arange(40 * 56, dtype=dtype).reshape(40, 56)


def written(name, *, alpha=None, grey=False, quality=92, **kept):
    rgb = np.repeat(photo()[:, :, :1], 3, axis=2) if grey else photo()
    picture = Picture(rgb, alpha, grey, "PNG", **kept)
    data, notices = encode(picture, rgb, ENCODINGS[name], quality=quality)
    return rgb, data, notices


@pytest.mark.parametrize("name", ["png", "tiff"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_lossless_formats_are_exact(name, dtype, channels):
    pixels = waves(40, 56, dtype, channels)
    grey = channels < 3
    rgb = np.repeat(pixels[:, :, :1], 3, axis=2) if grey else pixels[:, :, :3].copy()
    picture = Picture(rgb, pixels[:, :, -1].copy() if channels in (2, 4) else None, grey)
    data, notices = encode(picture, rgb, ENCODINGS[name], quality=92)
    assert notices == ()
    again = decode(data)
    assert again.rgb.dtype == dtype
    assert again.grey is grey
    np.testing.assert_array_equal(again.rgb, rgb)
    if picture.alpha is not None:
        np.testing.assert_array_equal(again.alpha, picture.alpha)
    np.testing.assert_array_equal(values_of(data) if name == "png" else pixels, pixels)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("grey", [False, True])
def test_every_format_holds_the_picture(name, grey):
    rgb, data, _ = written(name, grey=grey)
    again = decode(data)
    assert again.format.lower() == name
    assert np.abs(again.rgb.astype(int) - rgb).mean() < 4


@pytest.mark.parametrize("name", [name for name in NAMES if ENCODINGS[name].alpha])
def test_transparency_is_exact_in_every_format_that_has_it(name):
    _, data, _ = written(name, alpha=alpha_of())
    np.testing.assert_array_equal(decode(data).alpha, alpha_of())


@pytest.mark.parametrize("name", [name for name in NAMES if not ENCODINGS[name].alpha])
def test_a_format_without_transparency_says_so(name):
    _, data, notices = written(name, alpha=np.zeros((40, 56), np.uint8))
    assert picture_of(data).shape == (40, 56, 3)
    assert "transparency" in notices[0]


@pytest.mark.parametrize("name", [name for name in NAMES if not ENCODINGS[name].deep])
def test_a_format_of_8_bits_rounds_16_and_says_so(name):
    deep = waves(40, 56, np.uint16)
    picture = Picture(deep, alpha_of(np.uint16) * 29)
    data, notices = encode(picture, deep, ENCODINGS[name], quality=95)
    assert "more were reduced to 8" in notices[-1]
    assert np.abs(decode(data).rgb.astype(int) - np.round(deep / 257)).mean() < 4


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("bmp", "jxl")])
def test_metadata_goes_along(name):
    exif = Image.Exif()
    exif[0x010F] = "maker"
    exif[0x8769] = {0x9003: "2026:11:23 10:00:00"}
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 12.0)}
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>\xc3\xa4</x:xmpmeta>"
    _, data, _ = written(name, exif=exif.tobytes(), xmp=packet, icc=profile("Display P3"))
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == profile("Display P3")
        assert image.info["xmp"] == packet
        tags = image.getexif()
        assert tags[0x010F] == "maker"
        assert tags.get_ifd(0x8769)[0x9003] == "2026:11:23 10:00:00"
        assert tags.get_ifd(0x8825)[2] == (48.0, 8.0, 12.0)
    again = decode(data)
    assert (again.icc, again.xmp) == (profile("Display P3"), packet)
    assert read_exif(again.exif)[0x010F] == "maker"


def test_a_jpegs_metadata_of_more_than_a_segment():
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x010E] = "x" * 70_000
    icc = rng.bytes(200_000)
    _, data, notices = written("jpeg", exif=exif.tobytes(), icc=icc)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == icc
        assert "exif" not in image.info
    assert [notice.split(" of ")[0] for notice in notices] == ["jpeg holds no EXIF"]


def test_jpeg_keeps_full_colour():
    _, data, _ = written("jpeg")
    with Image.open(io.BytesIO(data)) as image:
        assert isinstance(image, JpegImageFile)
        assert {layer[1:3] for layer in image.layer} == {(1, 1)}


@pytest.mark.parametrize("quality", [1, 60, 92, 100])
def test_jpegs_are_those_of_pillow(quality):
    rgb, data, _ = written("jpeg", quality=quality)
    pillow = file_of(rgb, "JPEG", quality=quality, subsampling=0)
    np.testing.assert_array_equal(picture_of(data), picture_of(pillow))


@pytest.mark.parametrize("name", ["jpeg", "webp", "avif"])
def test_quality_changes_the_size(name):
    assert len(written(name, quality=10)[1]) < len(written(name, quality=95)[1])


@pytest.mark.parametrize("alpha", [None, alpha_of()])
def test_webp_of_quality_100_is_exact(alpha):
    rgb, data, _ = written("webp", quality=100, alpha=alpha)
    np.testing.assert_array_equal(decode(data).rgb, rgb)


@pytest.mark.parametrize(
    ("name", "quality"),
    [
        ("WebP, lossless, alpha", 100),
        ("WebP, animated", 100),
        ("JPEG, grey", 92),
        ("PNG, RGB", 92),
    ],
)
def test_what_came_lossless_as_webp_stays_so(name, quality):
    header = read_header(kinds()[name])
    assert default_quality(header, ENCODINGS["webp"]) == quality
    assert default_quality(header, ENCODINGS["jpeg"]) == 92


def test_a_lossy_webp_is_known_as_such():
    for options in ({}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}):
        assert not read_header(file_of(photo(), "WEBP", **options)).lossless


@pytest.mark.parametrize(
    ("kind", "name"),
    [("JPEG", "jpeg"), ("MPO", "jpeg"), ("WEBP", "webp"), ("BMP", "png"), ("TIFF", "png")],
)
def test_pictures_go_back_as_they_came(kind, name):
    assert natural_encoding(Header(kind, 1, 1)).name == name


def test_heif_goes_back_as_jpeg_unless_it_is_transparent():
    assert natural_encoding(Header("HEIF", 1, 1)).name == "jpeg"
    assert natural_encoding(Header("HEIF", 1, 1, transparent=True)).name == "png"


LOSSLESS = [
    name
    for name, data in kinds().items()
    if natural_encoding(read_header(data)).name in ("png", "webp")
    and "CMYK" not in name
    and "floats" not in name
]


@pytest.mark.parametrize("name", LOSSLESS)
def test_what_the_model_left_alone_comes_back_bit_for_bit(name):
    data = kinds()[name]
    header = read_header(data)
    encoding = natural_encoding(header)
    picture = decode(data)
    body, _ = encode(picture, picture.rgb, encoding, quality=default_quality(header, encoding))
    np.testing.assert_array_equal(values_of(body), values_of(data))
    if "told by" not in name:
        assert facts_of(body)["icc"] == facts_of(data)["icc"]
