import pytest

from model.pictures import decode, pillow_decoding
from service.decoding.decode_errors import as_service_errors, read_header
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
        read_header(b"text", max_pixels=10**6)
    assert error.value.code == "unsupported_image"


def test_a_missing_codec_is_415_and_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(pillow_decoding, "HEIF", False)
    with pytest.raises(UnsupportedMediaError, match="not installed") as error:
        read_header(kinds()["HEIC"], max_pixels=10**6)
    assert "pip install '.[heic]'" in error.value.hint


def test_a_damaged_picture_is_400():
    with pytest.raises(BrokenImageError), as_service_errors():
        decode(file_of(photo())[:500])


def test_a_bomb_is_413_by_its_header():
    with pytest.raises(PictureTooLargeError, match="200000000 pixels"):
        read_header(png_header(20_000, 10_000), max_pixels=10**8)


def test_a_picture_there_is_no_memory_for_is_507():
    with pytest.raises(OutOfMemoryError), as_service_errors():
        raise MemoryError
