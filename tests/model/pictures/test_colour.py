"""What a colour-managed viewer shows, by Pillow's LittleCMS, is the measure here."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from model.pictures import ENCODINGS, decode, encode
from tools.picture_files import PROFILES, file_of, kinds, profile, tiff_of, values_of, waves


def shown(data):
    """sRGB values that a viewer shows of an 8-bit file."""
    with Image.open(io.BytesIO(data)) as image:
        icc = image.info.get("icc_profile")
        if not icc:
            return np.array(image.convert("RGB")).astype(int)
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        target = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        seen = ImageCms.profileToProfile(image, source, target, intent, "RGB", flags=flags)
        return np.array(seen).astype(int)


def sent_with(name):
    if name == "Inks":
        return kinds()["JPEG, CMYK, profile"]
    pixels = waves(channels=1)[:, :, 0] if name == "Grey 1.8" else waves()
    return file_of(pixels, icc_profile=profile(name))


@pytest.mark.parametrize("name", PROFILES)
def test_the_model_sees_what_a_viewer_shows(name):
    data = sent_with(name)
    assert np.abs(decode(data).rgb - shown(data)).max() <= 2


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("metadata", ["keep", "strip"])
def test_what_comes_back_is_shown_as_what_was_sent(name, metadata):
    data = sent_with(name)
    picture = decode(data, metadata=metadata)
    body, _ = encode(picture, picture.rgb, ENCODINGS["png"], quality=92)
    assert np.abs(shown(body) - shown(data)).max() <= 2


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB", "Grey 1.8"])
def test_what_the_model_changed_is_shown_so(name):
    data = file_of(
        (waves(channels=1)[:, :, 0] if name == "Grey 1.8" else waves()) // 2 + 64,
        icc_profile=profile(name),
    )
    picture = decode(data)
    darker = (picture.rgb * 0.8).astype(np.uint8)
    body, _ = encode(picture, darker, ENCODINGS["png"], quality=92)
    difference = np.abs(shown(body) - darker)
    assert difference.mean() < 1.5
    assert np.percentile(difference, 95) <= 4


def test_colours_that_srgb_has_not_are_kept_where_the_model_changed_others():
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:, :, 0] = 255  # the reddest red of Display P3
    picture = decode(file_of(pixels, icc_profile=profile("Display P3")))
    restored = picture.rgb.copy()
    restored[0, 0] = (200, 30, 30)
    body, _ = encode(picture, restored, ENCODINGS["png"], quality=92)
    got = values_of(body)
    assert tuple(got[0, 0]) != (255, 0, 0)
    np.testing.assert_array_equal(got[1:], pixels[1:])


def test_sixteen_bits_of_a_wide_gamut_keep_fine_steps():
    ramp = np.linspace(20_000, 22_000, 256).astype(np.uint16)
    pixels = np.repeat(np.repeat(ramp[None, :, None], 4, axis=0), 3, axis=2)
    picture = decode(tiff_of(pixels, photometric="rgb", iccprofile=profile("Adobe RGB")))
    assert len(np.unique(picture.rgb)) > 200
    restored = picture.rgb + np.uint16(100)
    body, _ = encode(picture, restored, ENCODINGS["png"], quality=92)
    assert len(np.unique(values_of(body))) > 200


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (4, 1), (3, 7)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_size_is_converted(size, channels, dtype):
    pixels = waves(size[0], size[1], dtype, channels)
    data = tiff_of(
        pixels if channels == 3 else pixels[:, :, 0],
        photometric="rgb" if channels == 3 else "minisblack",
        planarconfig="contig" if channels == 3 else None,
        iccprofile=profile("Adobe RGB"),
    )
    picture = decode(data)
    inverted = np.iinfo(dtype).max - picture.rgb
    body, _ = encode(picture, inverted, ENCODINGS["png"], quality=92)
    again = decode(body)
    assert again.rgb.shape == (*size, 3)
    assert np.abs(again.rgb.astype(int) - inverted).max() <= 0.2 * np.iinfo(dtype).max
    same, _ = encode(picture, picture.rgb.copy(), ENCODINGS["png"], quality=92)
    np.testing.assert_array_equal(values_of(same), pixels)


def test_strip_gives_srgb_without_a_profile():
    data = sent_with("Adobe RGB")
    picture = decode(data, metadata="strip")
    assert picture.icc == b""
    assert picture.own is None
    assert np.abs(picture.rgb.astype(int) - waves()).max() > 10


def test_srgb_is_not_converted_at_all():
    picture = decode(sent_with("sRGB"))
    np.testing.assert_array_equal(picture.rgb, waves())
    assert picture.own is None
    assert picture.icc == profile("sRGB")


def test_cmyk_of_a_profile_differs_from_the_plain_formula_and_loses_its_profile():
    by_profile = decode(kinds()["JPEG, CMYK, profile"])
    plain = decode(kinds()["JPEG, CMYK"])
    assert np.abs(by_profile.rgb.astype(int) - plain.rgb).mean() > 5
    assert by_profile.icc == b""
    assert "by its profile" in by_profile.notices[0]
    assert "plain formula" in plain.notices[0]


def test_the_plain_formula_is_pillows():
    data = kinds()["JPEG, CMYK"]
    with Image.open(io.BytesIO(data)) as image:
        expected = np.array(image.convert("RGB")).astype(int)
    assert np.abs(decode(data).rgb - expected).max() <= 1


def test_a_picture_is_converted_in_bands(monkeypatch):
    picture = decode(sent_with("Adobe RGB"))
    darker = picture.rgb // 2
    body, _ = encode(picture, darker, ENCODINGS["png"], quality=92)
    monkeypatch.setattr("model.pictures.colour._BAND_PIXELS", 500)
    assert (decode(sent_with("Adobe RGB")).rgb == picture.rgb).all()
    assert encode(picture, darker, ENCODINGS["png"], quality=92)[0] == body


@pytest.mark.parametrize(
    ("icc", "why"),
    [
        (b"no profile at all", "other colours"),
        (profile("Grey 1.8"), "other colours"),
        (profile("Inks"), "other colours"),
        (profile("sRGB")[:200], "cannot be used"),
        (profile("sRGB")[:128] + b"\xff" * 400, "cannot be used"),
        (profile("Display P3") + bytes(5 * 2**20), "bytes"),
    ],
)
def test_a_profile_that_cannot_be_used_is_left_out_and_said(icc, why):
    picture = decode(file_of(waves(), "JPEG", quality=100, subsampling=0, icc_profile=icc))
    assert picture.icc == b""
    assert why in picture.notices[0]
    assert np.abs(picture.rgb.astype(int) - waves()).mean() < 2
