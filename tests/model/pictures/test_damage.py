"""Files that are cut off, files of other kinds, and what is said of them."""

import io
import re

import numpy as np
import pytest
from PIL import Image, ImageFile

from model.pictures import (
    BrokenPictureError,
    OversizedPictureError,
    PictureError,
    UnsupportedPictureError,
    decode,
    read_header,
)
from tools.hostile_files import jpeg
from tools.picture_files import file_of, kinds, waves

REPR = re.compile(r"<\w|0x[0-9a-f]|object at|Error\b|Traceback|\\x|b'")
BEGINS = {
    "a GIF": file_of(waves(), "GIF"),
    "a PDF": b"%PDF-1.7\n" + bytes(100),
    "a Photoshop document (PSD)": b"8BPS\0\1" + bytes(100),
    "an SVG drawing": b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "an HTML page": b"<!DOCTYPE html><html></html>",
    "JSON": b'{"image": "data:image/jpeg;base64,"}',
    "text": b"just some words",
    "a video (AVI)": b"RIFF\x24\0\0\0AVI LIST" + bytes(20),
    "a raw photograph (RAF)": b"FUJIFILMCCD-RAW 0201" + bytes(80),
    "a raw photograph (CR3)": b"\0\0\0\x18ftypcrx \0\0\0\1" + bytes(80),
    "data packed by gzip": b"\x1f\x8b\x08" + bytes(50),
    "a PPM picture": b"P6 1 1 255\n\0\0\0",
    "a video or a picture of another kind than AVIF and HEIC (ISO media)": (
        b"\0\0\0\x18ftypmp42\0\0\0\0" + bytes(80)
    ),
}


def lenient(data):
    """The pixels as browsers show them: what is missing is filled up."""
    strict, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
    try:
        return np.asarray(Image.open(io.BytesIO(data + b"\xff\xd9")).convert("RGB"))
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = strict


JPEGS = {
    "baseline": file_of(waves(120, 160), "JPEG", quality=90),
    "progressive": file_of(waves(120, 160), "JPEG", quality=90, progressive=True),
    "grey": file_of(waves(120, 160, channels=1)[:, :, 0], "JPEG", quality=90),
    "restarts": file_of(waves(120, 160), "JPEG", quality=90, restart_marker_rows=1),
}


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize("share", [1.0, 0.85, 0.6])
def test_a_jpeg_that_is_cut_off_is_read_as_browsers_show_it(name, share):
    whole = JPEGS[name]
    start = whole.index(b"\xff\xda")
    data = whole[: start + int((len(whole) - 2 - start) * share)]
    picture = decode(data)
    assert "cut off" in picture.notices[0]
    np.testing.assert_array_equal(picture.rgb, lenient(data))


def test_a_jpeg_that_is_cut_between_its_scans_is_read():
    whole = JPEGS["progressive"]
    for place in (m.start() for m in re.finditer(b"\xff\xc4", whole[700:])):
        for more in (1, 2, 3, 9):
            picture = decode(whole[: 700 + place + more])
            assert picture.rgb.shape == (120, 160, 3)
            assert "cut off" in picture.notices[0]


def test_a_whole_jpeg_is_not_said_to_be_cut_off():
    for data in (*JPEGS.values(), JPEGS["baseline"] + b"more bytes"):
        assert decode(data).notices == ()


def test_a_jpeg_without_a_line_of_its_picture_is_refused():
    whole = JPEGS["baseline"]
    start = whole.index(b"\xff\xda")
    begin = start + 2 + int.from_bytes(whole[start + 2 : start + 4])
    for end in (20, start, start + 1, begin, begin + 3):
        with pytest.raises(BrokenPictureError, match=r"before its picture begins|0 headers"):
            read_header(whole[:end])


def test_a_jpeg_with_nearly_nothing_of_a_huge_picture_is_refused():
    data = jpeg.resized(JPEGS["baseline"], 20_000, 20_000)[:-2]
    with pytest.raises(BrokenPictureError, match="before its picture begins"):
        read_header(data)


@pytest.mark.parametrize("name", BEGINS)
def test_a_file_of_another_kind_is_named(name):
    with pytest.raises(UnsupportedPictureError) as error:
        read_header(BEGINS[name])
    assert str(error.value).endswith(f"this is {name}")
    assert "Send JPEG" in error.value.hint


def test_no_bytes_are_told_as_such():
    with pytest.raises(UnsupportedPictureError, match="there are none"):
        read_header(b"")


def test_every_error_is_of_words_for_people():
    rng = np.random.default_rng(0)
    told = set()
    for data in [*kinds().values(), *BEGINS.values()]:
        for _ in range(6):
            changed = bytearray(data[: int(rng.integers(8, len(data) + 1))])
            for place in rng.integers(0, len(changed), 4):
                changed[place] = int(rng.integers(256))
            try:
                decode(bytes(changed))
            except (PictureError, OversizedPictureError) as error:
                told.add(f"{error} {error.hint}")
    assert len(told) > 10
    assert [words for words in told if REPR.search(words)] == []
