"""The files that fuzzing begins with, all made here."""

from collections.abc import Iterator

import imagecodecs
import numpy as np

from model.pictures.arrays import npy
from tools.grids import grid
from tools.hostile_files import ATTACKS
from tools.hostile_files.bmp import runs
from tools.hostile_files.tiff import one_strip, zeros
from tools.odd_files import heic_of
from tools.picture_files import file_of, kinds, tiff_of, waves

MAX_BYTES = 2**15
"""Longer seeds are left out; fuzzing lengthens them no further either."""
SCALE = 0.02
_KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000")


def seeds() -> Iterator[bytes]:
    """Give a file of every kind that is read, small hostile ones, and odd ones."""
    files = [*kinds().values(), *(attack.make(SCALE) for attack in ATTACKS.values())]
    files += [file_of(waves(5, 7), kind) for kind in _KINDS]
    files += [told_by_numbers(), bare_jpeg_xl(), npy(waves(9, 7, np.uint16))]
    files += [file_of(waves(9, 7), "JPEG", progressive=True), grid(waves(128, 64), 64)]
    files += [one_strip(3, bits, 3, 4, zeros(bits, 3, 4)) for bits in (16, 32, 64)]
    for options in ({"tile": (16, 16)}, {"compression": "lzw"}, {"bigtiff": True}):
        files.append(tiff_of(waves(8, 8, np.uint16), photometric="rgb", **options))
    files.append(runs(8, 8, (b"\4\1\0\4abcd\0\0") * 8 + b"\0\1"))
    yield from (data for data in files if len(data) <= MAX_BYTES)


def told_by_numbers() -> bytes:
    """A HEIC of 10 bits whose colours are told by numbers."""
    return heic_of(waves(16, 16, np.uint16), 9, 16)


def bare_jpeg_xl() -> bytes:
    """A JPEG XL without a container, with transparency."""
    return bytes(imagecodecs.jpegxl_encode(waves(9, 7, channels=4), lossless=True))
