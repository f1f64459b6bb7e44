"""NumPy's file of one array: read strictly, and written in kind."""

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest

from model.pictures import (
    ENCODINGS,
    BrokenPictureError,
    Picture,
    UnsupportedPictureError,
    decode,
    encode,
    read_header,
)
from tools.picture_files import profile, waves


def saved(array, **how):
    body = io.BytesIO()
    np.save(body, array, **how)
    return body.getvalue()


def made(text, values=b"", version=1):
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + values


def header(shape, descr="|u1", order="False"):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()


VARIANTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "uint8": lambda array: array,
    "uint16": lambda array: array.astype(np.uint16) * 257,
    "big-endian": lambda array: (array.astype(np.uint16) * 255).astype(">u2"),
    "by columns": np.asfortranarray,
    "not contiguous": lambda array: array[::-1, ::2],
}


@pytest.mark.parametrize("name", VARIANTS)
def test_an_array_is_read_and_written_in_kind(name):
    array = VARIANTS[name](waves())
    data = saved(array)
    told = read_header(data)
    assert (told.height, told.width) == array.shape[:2]
    assert (told.format, told.bits) == ("NPY", 8 * array.dtype.itemsize)
    picture = decode(data)
    assert picture.rgb.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(picture.rgb, array)
    body, notices = encode(picture, picture.rgb, ENCODINGS["npy"], quality=92)
    back = np.load(io.BytesIO(body), allow_pickle=False)
    assert (back.dtype, notices) == (picture.rgb.dtype, ())
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_headers_of_other_programs_are_read(version):
    for text in (header("(2, 1, 3)"), b'{"shape":(2,1,3),"fortran_order":False,"descr":"|u1"}'):
        assert decode(made(text, bytes(6), version)).rgb.shape == (2, 1, 3)


def test_a_picture_of_grey_becomes_three_channels_and_what_is_lost_is_told():
    grey = np.repeat(waves()[:, :, :1], 3, axis=2)
    icc = profile("Display P3")
    picture = Picture(grey, grey[:, :, 0], grey=True, format="PNG", exif=b"x", xmp=b"x")
    body, notices = encode(picture, grey, ENCODINGS["npy"], quality=92)
    np.testing.assert_array_equal(np.load(io.BytesIO(body)), grey)
    assert [word for word in ("transparency", "EXIF") if word not in " ".join(notices)] == []
    wide = Picture(waves(), format="PNG", icc=icc, own=waves())
    _, notices = encode(wide, waves(), ENCODINGS["npy"], quality=92)
    assert "sRGB" in " ".join(notices)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 5), np.uint8),
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((3, 4, 5), np.uint8),
        np.zeros((1, 4, 5, 3), np.uint8),
        np.zeros((4, 5, 3), np.float32),
        np.zeros((4, 5, 3), np.int16),
        np.zeros((4, 5, 3), bool),
        np.zeros(3, np.uint8),
        np.array(3, np.uint8),
    ],
)
def test_other_arrays_are_refused_with_what_to_send(array):
    with pytest.raises(UnsupportedPictureError) as caught:
        decode(saved(array))
    assert "uint8 or uint16" in caught.value.hint


def test_objects_and_records_are_never_unpickled():
    for array in (np.full((4, 5, 3), None), np.zeros((4, 5, 3), [("a", np.uint8)])):
        with pytest.raises((UnsupportedPictureError, BrokenPictureError)):
            decode(saved(array))


GOOD = header("(2, 1, 3)")


@pytest.mark.parametrize(
    "data",
    [
        b"\x93NUMPY",
        b"\x93NUMPY\1\0",
        made(GOOD, bytes(6))[:20],
        made(GOOD, bytes(5)),
        made(GOOD, bytes(7)),
        made(GOOD, bytes(6), version=4),
        made(header("(65535, 65535, 3)"), bytes(6)),
        made(header("(9999999999, 9999999999, 3)"), bytes(6)),
        made(header("(2, 1, 3)", order="1"), bytes(6)),
        made(header("(2, 1, -3)"), bytes(6)),
        made(header("(2, 1, __import__('os'))"), bytes(6)),
        made(GOOD + b"x" * 5000, bytes(6)),
        made(b"{" + b"(" * 4000, bytes(6)),
        made(b"{}", bytes(6)),
        made(GOOD.replace(b"descr", b"other"), bytes(6)),
        made(GOOD[:-2] + b"'more': 1}", bytes(6)),
        b"\x93NUMPY\2\0\xff\xff\xff\xff" + GOOD,
    ],
)
def test_a_header_that_lies_or_is_broken_is_refused(data):
    with pytest.raises(BrokenPictureError):
        read_header(data)
