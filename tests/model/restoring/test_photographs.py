import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from model.restoring.photographs import as_pixels, as_planes, image_of, picture_of
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


@pytest.mark.parametrize(
    ("image", "error", "told"),
    [
        (np.zeros((4, 4, 3), np.float32), TypeError, "uint8 or uint16 array .* got float32"),
        (np.zeros((4, 4), np.uint8), ValueError, r"shape \(H, W, 3\), got \(4, 4\)"),
        (np.zeros((3, 4, 4), np.uint8), ValueError, r"got \(3, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"got \(0, 4, 3\)"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), TypeError, "got torch.uint8"),
        ("photo.jpg", TypeError, "got str"),
        (Image.new("I;16", (4, 4)), TypeError, "8 bits a channel here, got mode 'I;16'"),
    ],
)
def test_what_is_no_photograph_of_eight_bits_is_refused(unsure, image, error, told):
    with pytest.raises(error, match=told):
        unsure.restore(image)
