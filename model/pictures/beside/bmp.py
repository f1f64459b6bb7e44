"""BMP: its dots per metre."""

import struct

from model.pictures.beside.parts import metres
from model.pictures.picture import Beside

_OLD = 12


def beside(data: bytes) -> Beside:
    """Read the density."""
    if data[14] == _OLD:
        return Beside()
    return Beside(density=metres(*struct.unpack_from("<ii", data, 38)))
