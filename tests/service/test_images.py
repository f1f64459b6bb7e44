import numpy as np
import pytest
from PIL import Image

from service.errors import BrokenImageError, PictureTooLargeError, UnsupportedMediaError
from service.images import decode, read_header
from tests.service.fakes import file_of, photo, png_header

ORIENTATION, GPS, MAKE = 0x0112, 0x8825, 0x010F


def with_exif(pixels, kind="JPEG", orientation=1, **options):
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = orientation, "maker"
    exif[GPS] = {1: "N", 2: (1.0, 2.0, 3.0)}
    return file_of(image, kind, exif=exif, **options)


def read_exif(block):
    exif = Image.Exif()
    exif.load(block)
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF"])
def test_the_header_tells_the_size(kind):
    header = read_header(file_of(photo(24, 40), kind), max_pixels=10**6)
    assert (header.format, header.height, header.width) == (kind, 24, 40)


def test_a_bomb_is_refused_by_its_header():
    with pytest.raises(PictureTooLargeError, match="200000000 pixels"):
        read_header(png_header(20_000, 10_000), max_pixels=10**8)


@pytest.mark.parametrize("data", [b"", b"text", file_of(photo(), "GIF"), b"%PDF-1.7 ..."])
def test_other_files_are_not_even_tried(data):
    with pytest.raises(UnsupportedMediaError):
        read_header(data, max_pixels=10**6)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_file_cut_off_is_told(kind):
    data = file_of(photo(200, 200), kind)
    with pytest.raises(BrokenImageError):
        decode(data[: len(data) * 2 // 3])


def test_pixels_are_exact_and_writable():
    picture = decode(file_of(photo()))
    np.testing.assert_array_equal(picture.rgb, photo())
    assert picture.rgb.flags.writeable
    assert not picture.grey
    assert picture.alpha is None


def test_a_picture_is_copied_in_bands(monkeypatch):
    monkeypatch.setattr("service.images._BAND_PIXELS", 200)
    np.testing.assert_array_equal(decode(file_of(photo(41, 30))).rgb, photo(41, 30))


def test_grey_is_known_as_grey():
    picture = decode(file_of(photo()[:, :, 0]))
    assert picture.grey
    np.testing.assert_array_equal(picture.rgb, np.repeat(photo()[:, :, :1], 3, axis=2))


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_kept_aside(channels):
    alpha = np.arange(40 * 56, dtype=np.uint8).reshape(40, 56)
    colour = photo()[:, :, : channels - 1]
    picture = decode(file_of(np.dstack([colour, alpha])))
    np.testing.assert_array_equal(picture.alpha, alpha)
    np.testing.assert_array_equal(picture.rgb[:, :, : channels - 1], colour)
    assert picture.grey is (channels == 2)


def test_sixteen_bits_are_reduced_and_said():
    deep = (np.arange(40 * 56).reshape(40, 56) * 20).astype(np.uint16)
    picture = decode(file_of(deep))
    np.testing.assert_array_equal(picture.rgb[:, :, 0], deep >> 8)
    assert "16 bits" in picture.notices[0]


@pytest.mark.parametrize("mode", ["1", "P", "CMYK"])
def test_other_modes_are_converted(mode):
    kind = "TIFF" if mode == "CMYK" else "PNG"
    image = Image.fromarray(photo()).convert(mode)
    picture = decode(file_of(image, kind))
    np.testing.assert_array_equal(picture.rgb, np.array(image.convert("RGB")))


def test_a_palettes_transparency_is_alpha():
    image = Image.fromarray(photo()).convert("P")
    picture = decode(file_of(image, transparency=3))
    np.testing.assert_array_equal(picture.alpha, np.where(np.array(image) == 3, 0, 255))


def test_floats_are_refused():
    with pytest.raises(UnsupportedMediaError, match="32 bits"):
        decode(file_of(np.full((4, 4), np.nan, np.float32), "TIFF"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_reset(orientation):
    picture = decode(with_exif(photo(), "PNG", orientation))
    with Image.fromarray(photo()) as image:
        image.getexif()[ORIENTATION] = orientation
        methods = {
            2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_90,
        }  # fmt: skip
        upright = image.transpose(methods[orientation]) if orientation > 1 else image
        np.testing.assert_array_equal(picture.rgb, np.array(upright))
    assert read_exif(picture.exif)[ORIENTATION] == 1


def test_metadata_is_kept_stripped_or_freed_of_the_place():
    profile = b"an ICC profile"
    data = with_exif(photo(), icc_profile=profile)
    kept = decode(data)
    assert kept.icc == profile
    assert read_exif(kept.exif)[MAKE] == "maker"
    assert read_exif(kept.exif).get_ifd(GPS)
    nowhere = decode(data, metadata="no-gps")
    assert read_exif(nowhere.exif)[MAKE] == "maker"
    assert not read_exif(nowhere.exif).get_ifd(GPS)
    stripped = decode(data, metadata="strip")
    assert (stripped.exif, stripped.icc) == (b"", b"")


def test_the_first_frame_is_taken_and_said():
    frames = [Image.fromarray(photo(seed=seed)) for seed in range(3)]
    data = file_of(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    picture = decode(data)
    np.testing.assert_array_equal(picture.rgb, photo(seed=0))
    assert "3 pictures" in picture.notices[0]
