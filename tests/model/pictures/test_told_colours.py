"""Colours that files tell by tags, or by a profile that does not fit their pixels."""

import struct

import imagecodecs
import numpy as np
import pytest

from model.pictures import ENCODINGS, decode, encode
from tools.odd_files import PATCHES, camera_exif, chunks_of, exif_part, heic_of, jpeg_of, png_of
from tools.picture_files import file_of, profile, tiff_of, waves

P3, REC2020 = 12, 9
SRGB_CURVE, PQ, HLG = 13, 16, 18
CORNERS = {
    "sRGB": (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
    "Adobe RGB": (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06),
}


def written(picture, name):
    return encode(picture, picture.rgb, ENCODINGS[name], quality=95)


def numbers(primaries, transfer, full=1):
    return b"cICP", bytes((primaries, transfer, 0, full))


def gamma(value):
    return b"gAMA", struct.pack(">I", value)


def corners(name):
    points = [round(part * 100_000) for part in CORNERS[name]]
    return b"cHRM", struct.pack(">8I", *points)


def icc(profile_bytes):
    return b"iCCP", b"x\0\0" + bytes(imagecodecs.zlib_encode(profile_bytes))


def off(one, other):
    return np.abs(one.rgb.astype(int) - other.rgb).max()


@pytest.fixture(scope="module")
def wide():
    """The patches with a profile of Display P3."""
    return decode(file_of(PATCHES, icc_profile=profile("Display P3")))


def test_numbers_of_a_png_are_honoured_as_a_profile_is(wide):
    picture = decode(png_of(PATCHES, numbers(P3, SRGB_CURVE)))
    assert off(picture, wide) <= 1
    assert np.abs(picture.rgb.astype(int) - PATCHES).max() > 20
    np.testing.assert_array_equal(picture.own, PATCHES)


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "avif", "tiff", "jxl", "bmp"])
def test_the_answer_of_any_format_means_the_same_colours(name, wide):
    body, notices = written(decode(png_of(PATCHES, numbers(P3, SRGB_CURVE))), name)
    again = decode(body)
    assert np.abs(again.rgb.astype(int) - wide.rgb).mean() < 5
    assert any("without a colour profile" in one for one in notices) == (name in ("jxl", "bmp"))


def test_numbers_win_over_a_profile_and_a_profile_over_the_rest():
    adobe = icc(profile("Adobe RGB"))
    both = decode(png_of(PATCHES, numbers(1, SRGB_CURVE), adobe))
    np.testing.assert_array_equal(both.rgb, PATCHES)
    with_gamma = decode(png_of(PATCHES, adobe, gamma(100_000)))
    assert off(with_gamma, decode(png_of(PATCHES, adobe))) == 0


def test_numbers_of_srgb_change_nothing_and_are_not_written():
    picture = decode(png_of(PATCHES, numbers(1, SRGB_CURVE)))
    assert (picture.icc, picture.own, picture.notices) == (b"", None, ())


def test_numbers_that_mean_nothing_are_said():
    assert "taken for sRGB" in decode(png_of(PATCHES, numbers(99, 13))).notices[0]
    assert "narrow range" in decode(png_of(PATCHES, numbers(P3, 13, full=0))).notices[0]
    assert decode(png_of(PATCHES, numbers(2, 2))).notices == ()


def test_gamma_and_corners_are_those_of_the_same_profile():
    by_tags = decode(png_of(PATCHES, gamma(round(1e5 * 256 / 563)), corners("Adobe RGB")))
    assert off(by_tags, decode(file_of(PATCHES, icc_profile=profile("Adobe RGB")))) <= 2
    body, _ = written(by_tags, "png")
    assert off(decode(body), by_tags) == 0


@pytest.mark.parametrize("pixels", [PATCHES, PATCHES[:, :, 1].copy()], ids=["colour", "grey"])
def test_gamma_alone_is_honoured(pixels):
    picture = decode(png_of(pixels, gamma(100_000)))
    light = np.linspace(0, 1, 256)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    expected = np.round(255 * curve)[pixels]
    assert np.abs(picture.rgb - np.atleast_3d(expected)).max() <= 1


def test_gamma_is_not_looked_at_beside_srgb_and_not_if_it_cannot_be():
    for chunks in ([gamma(100_000), (b"sRGB", b"\0")], [gamma(0)], [gamma(2**31 - 1)]):
        np.testing.assert_array_equal(decode(png_of(PATCHES, *chunks)).rgb, PATCHES)


def test_numbers_of_an_avif_and_of_a_heic_are_honoured(wide):
    avif = imagecodecs.avif_encode(PATCHES, level=95, primaries=P3, transfer=SRGB_CURVE)
    for data in (bytes(avif), heic_of(PATCHES, P3, SRGB_CURVE)):
        assert np.abs(decode(data).rgb.astype(int) - wide.rgb).mean() < 3


@pytest.mark.parametrize("transfer", [1, 13])
def test_ten_bits_of_avif_and_heic_are_kept(transfer):
    deep = waves(dtype=np.uint16)
    avif = imagecodecs.avif_encode(
        deep >> 6, level=99, primaries=1, transfer=transfer, bitspersample=10
    )
    for data in (bytes(avif), heic_of(deep, 1, transfer)):
        picture = decode(data)
        own = picture.rgb if picture.own is None else picture.own
        assert own.dtype == np.uint16
        assert np.abs(own.astype(int) - deep).mean() < 1500
        assert len(np.unique(own)) > 300


HDR = {
    "PNG": lambda transfer: png_of(PATCHES.astype(np.uint16) * 190, numbers(REC2020, transfer)),
    "AVIF": lambda transfer: bytes(
        imagecodecs.avif_encode(
            PATCHES.astype(np.uint16) * 3,
            level=95,
            primaries=REC2020,
            transfer=transfer,
            bitspersample=10,
        )
    ),
    "HEIC": lambda transfer: heic_of(PATCHES.astype(np.uint16) * 190, REC2020, transfer),
}


@pytest.mark.parametrize("kind", HDR)
@pytest.mark.parametrize(("transfer", "name"), [(PQ, "PQ"), (HLG, "HLG")])
def test_hdr_keeps_its_values_and_numbers_in_png_and_is_named_elsewhere(kind, transfer, name):
    picture = decode(HDR[kind](transfer))
    assert f"HDR ({name})" in picture.notices[-1]
    body, notices = written(picture, "png")
    assert notices == ()
    assert chunks_of(body)[b"cICP"] == bytes((REC2020, transfer, 0, 1))
    assert b"iCCP" not in chunks_of(body)
    stored = imagecodecs.png_decode(body)
    assert np.abs(stored.astype(int) - PATCHES.astype(int) * 190).mean() < 1200
    for other in ("jpeg", "avif", "webp", "tiff"):
        body, notices = written(picture, other)
        assert f"HDR ({name})" in notices[0]
        assert decode(body).icc == b""


def test_hdr_is_seen_by_the_model_as_bright_as_paper_shows_it():
    code = np.full((8, 8, 3), round(0.58 * 65_535), np.uint16)  # PQ's value of paper white
    picture = decode(png_of(code, numbers(REC2020, PQ)))
    assert 200 < picture.rgb.mean() / 257 < 240
    darker = (picture.rgb * 0.9).astype(np.uint16)
    body, _ = encode(picture, darker, ENCODINGS["png"], quality=95)
    stored = imagecodecs.png_decode(body)
    assert 0.8 < stored.mean() / code.mean() < 0.99


def test_stripped_hdr_is_named():
    picture = decode(HDR["PNG"](PQ), metadata="strip")
    assert "converted to SDR" in picture.notices[0]
    assert picture.hdr is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_adobe_rgb_of_exif_is_honoured(order):
    block = camera_exif("R03", 0xFFFF, order)
    picture = decode(jpeg_of(PATCHES, exif_part(block)))
    expected = decode(jpeg_of(PATCHES, icc_profile=profile("Adobe RGB")))
    assert off(picture, expected) <= 2
    assert decode(jpeg_of(PATCHES, exif_part(camera_exif("R98", 1, order)))).icc == b""


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "avif", "tiff"])
def test_a_profile_of_colours_on_grey_becomes_one_that_fits(name):
    grey = waves(channels=1)[:, :, 0]
    srgb = decode(file_of(grey, icc_profile=profile("sRGB")))
    assert srgb.icc == b""
    np.testing.assert_array_equal(srgb.rgb[:, :, 0], grey)
    picture = decode(file_of(grey, icc_profile=profile("Adobe RGB")))
    assert picture.icc[16:20] == b"GRAY"
    body, _ = written(picture, name)
    again = decode(body)
    assert not any("profile" in one for one in again.notices)
    assert np.abs(again.rgb.astype(int) - picture.rgb).mean() < 2


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "avif", "tiff", "bmp", "jxl"])
def test_a_profile_of_grey_is_kept_only_where_the_coding_is_grey(name):
    grey = waves(channels=1)[:, :, 0]
    picture = decode(file_of(grey, icc_profile=profile("Grey 1.8")))
    body, _ = written(picture, name)
    again = decode(body)
    assert not any("left out" in one for one in again.notices)
    assert np.abs(again.rgb.astype(int) - picture.rgb).mean() < 2


def test_a_profile_of_grey_on_equal_channels_is_honoured():
    grey = waves(channels=1)[:, :, 0]
    data = file_of(np.dstack([grey] * 3), icc_profile=profile("Grey 1.8"))
    picture = decode(data)
    assert picture.grey
    assert off(picture, decode(file_of(grey, icc_profile=profile("Grey 1.8")))) == 0


def test_a_linear_profile_keeps_dark_tones():
    linear = imagecodecs.cms_profile(
        "rgb",
        whitepoint=(0.3127, 0.3290, 1.0),
        primaries=(0.708, 0.292, 1.0, 0.170, 0.797, 1.0, 0.131, 0.046, 1.0),
        gamma=1.0,
    )
    ramp = np.repeat(np.arange(0, 2560, 10, dtype=np.uint16)[None, :, None], 3, axis=2)
    picture = decode(tiff_of(np.repeat(ramp, 4, axis=0), photometric="rgb", iccprofile=linear))
    light = ramp[0, :, 0] / 65_535
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(picture.rgb[0, :, 0] / 65_535 - curve).max() < 0.001
