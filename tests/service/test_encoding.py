import io

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from service.encoding import ENCODINGS, check_size, encode, natural_encoding
from service.errors import InvalidOptionsError
from service.images import Picture, decode
from tests.service.fakes import file_of, photo, picture_of


def written(name, *, alpha=None, grey=False, exif=b"", icc=b"", quality=92):
    rgb = np.repeat(photo()[:, :, :1], 3, axis=2) if grey else photo()
    picture = Picture(rgb, alpha, grey, "PNG", exif, icc, ())
    data, notices = encode(picture, rgb, ENCODINGS[name], quality=quality)
    return rgb, data, notices


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_is_exact(channels):
    alpha = np.arange(40 * 56, dtype=np.uint8).reshape(40, 56) if channels in (2, 4) else None
    rgb, data, _ = written("png", alpha=alpha, grey=channels < 3)
    got = picture_of(data)
    assert (got.shape[2] if got.ndim == 3 else 1) == channels
    again = decode(data)
    np.testing.assert_array_equal(again.rgb, rgb)
    if alpha is not None:
        np.testing.assert_array_equal(again.alpha, alpha)


@pytest.mark.parametrize("name", sorted(ENCODINGS))
@pytest.mark.parametrize("grey", [False, True])
def test_every_format_holds_the_picture(name, grey):
    rgb, data, _ = written(name, grey=grey)
    again = decode(data)
    assert again.format.lower() == name
    assert np.abs(again.rgb.astype(int) - rgb).mean() < 4


@pytest.mark.parametrize("name", sorted(ENCODINGS))
def test_metadata_goes_along(name):
    exif = Image.Exif()
    exif[0x010F] = "maker"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _, data, _ = written(name, exif=exif.tobytes(), icc=profile)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == profile
        assert image.getexif()[0x010F] == "maker"


def test_jpeg_keeps_full_colour():
    _, data, _ = written("jpeg")
    with Image.open(io.BytesIO(data)) as image:
        assert isinstance(image, JpegImageFile)
        assert {layer[1:3] for layer in image.layer} == {(1, 1)}


def test_jpeg_has_no_transparency_and_says_so():
    _, data, notices = written("jpeg", alpha=np.zeros((40, 56), np.uint8))
    assert picture_of(data).shape == (40, 56, 3)
    assert "transparency" in notices[0]


def test_quality_changes_the_size():
    assert len(written("webp", quality=10)[1]) < len(written("webp", quality=95)[1])


def test_a_format_too_small_is_refused():
    with pytest.raises(InvalidOptionsError, match="16383"):
        check_size(ENCODINGS["webp"], 20_000, 10)
    check_size(ENCODINGS["png"], 20_000, 10)


@pytest.mark.parametrize(
    ("kind", "name"), [("JPEG", "jpeg"), ("MPO", "jpeg"), ("WEBP", "webp"), ("BMP", "png")]
)
def test_pictures_go_back_as_they_came(kind, name):
    assert natural_encoding(kind).name == name


def test_grey_survives_the_round_trip():
    values = photo()[:, :, 0]
    picture = decode(file_of(values))
    data, _ = encode(picture, picture.rgb, ENCODINGS["png"], quality=92)
    np.testing.assert_array_equal(picture_of(data), values)
