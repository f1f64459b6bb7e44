"""NumPy's file of one array (npy): values without a profile or metadata, taken as sRGB."""

import io

import numpy as np

from model.pictures.inspection.npy import Array
from model.pictures.picture import Header, Pixels
from model.pictures.pillow_decoding import StoredPixels


def read_npy(data: bytes, header: Header) -> StoredPixels:
    """Read an array that was inspected. The values are never unpickled.

    Args:
        data: The file.
        header: What inspecting it told.
    """
    found = Array(data)
    flat = np.frombuffer(data, np.dtype(found.dtype), offset=found.start)
    order = "F" if found.by_columns else "C"
    array = flat.reshape((header.height, header.width, 3), order=order)  # type: ignore[call-overload]
    kind = np.uint8 if header.bits == 8 else np.uint16
    return StoredPixels(np.ascontiguousarray(array, kind), "rgb", format="NPY")


def npy(pixels: Pixels) -> bytes:
    """Write (H, W, 1 or 3) as an array of the shape (H, W, 3); grey is repeated."""
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    body = io.BytesIO()
    np.lib.format.write_array(body, np.ascontiguousarray(pixels), allow_pickle=False)
    return body.getvalue()
