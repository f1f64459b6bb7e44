"""The files that fuzzing begins with, all made here."""

from collections.abc import Iterator

import numpy as np

from tools.grids import grid
from tools.hostile_files import ATTACKS
from tools.hostile_files.bmp import runs
from tools.hostile_files.tiff import one_strip, zeros
from tools.picture_files import file_of, kinds, tiff_of, waves

MAX_BYTES = 2**15
"""Longer seeds are left out; fuzzing lengthens them no further either."""
SCALE = 0.02


def seeds() -> Iterator[bytes]:
    """Give a file of every kind that is read, small hostile ones, and odd ones."""
    files = [*kinds().values(), *(attack.make(SCALE) for attack in ATTACKS.values())]
    files += [file_of(waves(5, 7), kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF")]
    files += [file_of(waves(9, 7), "JPEG", progressive=True), grid(waves(128, 64), 64)]
    files += [one_strip(3, bits, 3, 4, zeros(bits, 3, 4)) for bits in (16, 32, 64)]
    for options in ({"tile": (16, 16)}, {"compression": "lzw"}, {"bigtiff": True}):
        files.append(tiff_of(waves(8, 8, np.uint16), photometric="rgb", **options))
    files.append(runs(8, 8, (b"\4\1\0\4abcd\0\0") * 8 + b"\0\1"))
    yield from (data for data in files if len(data) <= MAX_BYTES)
