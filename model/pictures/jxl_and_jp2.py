"""JPEG XL and JPEG 2000: of the one Pillow reads nothing, of the other 8 bits."""

from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from model.pictures import pillow_decoding
from model.pictures.errors import BrokenPictureError
from model.pictures.file_metadata.parts import SEVERAL
from model.pictures.floats import Floats
from model.pictures.high_bit_depth import stretched
from model.pictures.inspection.jxl import codestream
from model.pictures.picture import Header, Pixels
from model.pictures.pillow_decoding import StoredPixels

_THREADS = 2
_BAND_PIXELS = 2**18


def read_jxl(data: bytes, header: Header) -> StoredPixels:
    """Decode the first frame of a JPEG XL, not turned upright.

    Args:
        data: The file.
        header: What inspecting it told.

    Raises:
        UnsupportedPictureError: If it is of floats whose white is not 1.
        BrokenPictureError: If it is of another size than its header says.
        Exception: Whatever the decoder raises of a damaged file.
    """
    found = codestream(data)
    decoded = imagecodecs.jpegxl_decode(data, 0, keeporientation=True, numthreads=_THREADS)
    array, notices = _whole(_checked(decoded, header), found.bits)
    values, space, alpha = pillow_decoding.split(array)
    several = (SEVERAL,) if found.several else ()
    return StoredPixels(values, space, alpha, format="JXL", notices=several + notices)


def read_jp2(data: bytes, header: Header) -> StoredPixels:
    """Decode a JPEG 2000; arguments and errors as of ``read_jxl``."""
    if header.bits == 8:
        return pillow_decoding.read(data, header)
    decoded = imagecodecs.jpeg2k_decode(data, numthreads=_THREADS)
    array = _checked(decoded, header)
    if array.dtype != np.uint16:
        raise BrokenPictureError("the header of the JPEG 2000 contradicts its pixels")
    values, space, alpha = pillow_decoding.split(stretched(array, header.depth))
    return StoredPixels(values, space, alpha, format="JPEG2000")


def _checked(decoded: NDArray[Any], header: Header) -> NDArray[Any]:
    array = np.atleast_3d(decoded)
    if array.shape != (header.height, header.width, header.samples):
        raise BrokenPictureError(f"the header of the {header.format} contradicts its pixels")
    return array


def _whole(array: NDArray[Any], bits: int) -> tuple[Pixels, tuple[str, ...]]:
    """Bring values of ``bits`` bits to all of uint8 or uint16; floats from 0 to 1 to uint16."""
    if array.dtype == np.uint8:
        scaled = array if bits == 8 else array * np.uint8(255 // (2**bits - 1))
        return scaled, ()
    if array.dtype == np.uint16:
        return stretched(array, bits), ()
    floats = Floats((*array.shape[:2], array.shape[2]), keep=False)
    values = np.empty(array.shape, np.uint16)
    step = max(1, _BAND_PIXELS // array.shape[1])
    for top in range(0, array.shape[0], step):
        rows = slice(top, top + step)
        values[rows] = floats.integers(array[rows], rows, 0, 0)
    return values, floats.beyond()[1]
