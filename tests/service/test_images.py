import pytest

from model.pictures import raw
from service import images
from service.errors import (
    BrokenImageError,
    OutOfMemoryError,
    PictureTooLargeError,
    UnsupportedMediaError,
)
from tools.fakes import file_of, photo, png_header
from tools.picture_files import kinds


def test_what_is_no_picture_is_415():
    with pytest.raises(UnsupportedMediaError) as error:
        images.read_header(b"text", max_pixels=10**6)
    assert error.value.code == "unsupported_image"


def test_a_missing_codec_is_415_and_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(raw, "HEIF", False)
    with pytest.raises(UnsupportedMediaError, match="not installed") as error:
        images.read_header(kinds()["HEIC"], max_pixels=10**6)
    assert "pip install '.[heic]'" in error.value.hint


def test_a_damaged_picture_is_400():
    with pytest.raises(BrokenImageError):
        images.decode(file_of(photo())[:500])


def test_a_bomb_is_413_by_its_header():
    with pytest.raises(PictureTooLargeError, match="200000000 pixels"):
        images.read_header(png_header(20_000, 10_000), max_pixels=10**8)


def test_a_picture_there_is_no_memory_for_is_507(monkeypatch):
    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr(images, "decode_picture", full)
    with pytest.raises(OutOfMemoryError):
        images.decode(file_of(photo()))


def test_answers_are_offered_in_the_formats_of_the_web():
    assert list(images.OFFERED) == ["png", "jpeg", "webp", "avif", "jxl"]
