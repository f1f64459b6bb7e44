import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from model.restoring.photographs import (
    as_pixels,
    as_planes,
    image_of,
    picture_of,
    read_photograph,
)
from tools.picture_files import exif_block, file_of, profile, read_exif, waves


def pixels(height: int = 20, width: int = 30) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_an_array_comes_back_as_an_array_in_the_order_it_had():
    planes = as_planes(pixels())
    assert planes.shape == (3, 20, 30)
    assert planes[2, 5, 7] == pixels()[5, 7, 2]
    assert np.array_equal(as_pixels(planes), pixels())


def test_sixteen_bits_stay_sixteen():
    deep = pixels().astype(np.uint16) * 257 - 3
    back = as_pixels(as_planes(deep))
    assert back.dtype == np.uint16
    assert np.array_equal(back, deep)


def test_an_array_with_strides_is_read_as_it_looks():
    flipped = pixels()[::-1, ::-1]
    assert np.array_equal(as_planes(flipped).numpy(), flipped.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("mode", "out"),
    [
        ("RGB", "RGB"),
        ("L", "L"),
        ("1", "L"),
        ("RGBA", "RGBA"),
        ("LA", "LA"),
        ("CMYK", "RGB"),
        ("P", "RGB"),
    ],
)
def test_an_image_comes_back_as_an_image_of_its_kind(mode, out):
    image = Image.fromarray(pixels()).convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(pixels()[..., 1]))
    picture = picture_of(image)
    back = image_of(picture, picture.rgb)
    assert (back.mode, back.size) == (out, image.size)
    off = np.abs(np.asarray(back.convert("RGB"), int) - np.asarray(image.convert("RGB"), int))
    assert off.max() <= (1 if mode == "CMYK" else 0)  # the plain formula is rounded once
    if mode in ("RGBA", "LA"):
        assert np.array_equal(np.asarray(back.getchannel("A")), pixels()[..., 1])


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_image_comes_back_upright_in_its_own_colours_with_its_profile_and_exif(kind):
    wide = waves()
    data = file_of(wide, kind, icc_profile=profile("Display P3"), exif=exif_block(6))
    image = opened(data)
    picture = picture_of(image)
    back = image_of(picture, picture.rgb)
    upright = ImageOps.exif_transpose(image)
    assert np.array_equal(np.asarray(back), np.asarray(upright))
    assert not np.array_equal(picture.rgb, np.asarray(upright))  # the network works in sRGB
    assert back.info["icc_profile"] == profile("Display P3")
    if kind != "TIFF":  # Pillow turns a TIFF itself and forgets its EXIF
        assert read_exif(back.info["exif"])[271] == "maker"
        assert read_exif(back.info["exif"]).get(274, 1) == 1


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 2), (20, 30, 3), (20, 30, 4)])
@pytest.mark.parametrize("bgr", [False, True])
def test_an_array_of_any_channels_and_type_comes_back_as_it_was(kind, shape, bgr):
    values = np.random.default_rng(0).uniform(0, 1, shape)
    levels = 1 if kind is np.float32 else np.iinfo(kind).max
    photo = (values * levels).astype(kind)
    photograph = read_photograph(photo, bgr=bgr)
    assert photograph.planes.shape == (3, 20, 30)
    back = photograph.back(photograph.planes)
    assert (back.shape, back.dtype) == (photo.shape, photo.dtype)
    np.testing.assert_allclose(back, photo, rtol=1e-6)


def test_blue_comes_first_for_opencv():
    assert torch.equal(read_photograph(pixels()[:, :, ::-1], bgr=True).planes, as_planes(pixels()))


def test_grey_stays_grey_and_alpha_stays_as_it_was_when_pixels_change(unsure):
    rgba = np.dstack([pixels(), pixels()[:, :, 1]])
    restored = unsure.restore(rgba)
    assert not np.array_equal(restored, rgba)
    assert np.array_equal(restored[:, :, 3], rgba[:, :, 3])
    assert np.array_equal(restored[:, :, :3], unsure.restore(pixels()))
    grey = unsure.restore(pixels()[:, :, 0])
    assert grey.shape == (20, 30)
    assert not np.array_equal(grey, pixels()[:, :, 0])


def test_float32_is_restored_as_eight_bits_are_but_not_rounded(unsure):
    eight = unsure.restore(pixels(), precision="fp32")
    restored = unsure.restore(pixels().astype(np.float32) / 255, precision="fp32")
    assert restored.dtype == np.float32
    assert np.abs(restored * 255 - eight).max() < 0.51
    assert not np.array_equal(np.round(restored * 255), restored * 255)
    assert restored.min() >= 0
    assert restored.max() <= 1


@pytest.mark.parametrize(
    ("image", "error", "told"),
    [
        (np.zeros((4, 4, 3), np.float64), TypeError, "uint8, uint16 or float32, got float64"),
        (np.zeros((4, 4, 5), np.uint8), ValueError, r"1 to 4 channels, got \(4, 4, 5\)"),
        (np.zeros((3, 20, 30), np.uint8), ValueError, r"got \(3, 20, 30\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"got \(0, 4, 3\)"),
        (np.full((4, 4, 3), 255, np.float32), ValueError, "divide them by 255"),
        (np.full((4, 4, 3), np.nan, np.float32), ValueError, r"must be in \[0, 1\]"),
        (torch.zeros(4, 4, 3, dtype=torch.uint8), ValueError, r"shape \(3, H, W\)"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), TypeError, "got torch.int64"),
        (torch.full((3, 4, 4), 2.0), ValueError, "divide them by 255"),
        ("photo.jpg", TypeError, r"got str; open a file with PIL\.Image\.open"),
        (Image.new("I;16", (4, 4)), TypeError, "8 bits a channel here, got mode 'I;16'"),
    ],
)
def test_what_is_no_photograph_is_refused_with_what_to_do(unsure, image, error, told):
    for method in (unsure.restore, unsure.describe, unsure.degradation_map):
        with pytest.raises(error, match=told):
            method(image)


def test_blue_first_is_refused_for_pictures_that_know_their_channels(unsure):
    with pytest.raises(ValueError, match="bgr=True is for arrays"):
        unsure.restore(Image.fromarray(pixels()), bgr=True)
