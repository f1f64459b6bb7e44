"""Frames that the service and its decoding processes send each other over a socket.

A frame is a small pickled part and the large buffers beside it, so that pixels are never pickled.
A decoding process has touched a file that may be hostile, so its frames are not trusted: they can
only make values of the classes that ``_Reader.find_class`` allows.
"""

import io
import pickle
import socket
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from model.pictures import picture

_HEAD = struct.Struct("<QI")
"""Bytes of the pickled part, and the number of buffers."""
_SIZE = struct.Struct("<Q")
_MAX_PICKLED = 64 * 2**20
"""Most bytes of the pickled part: the metadata of a picture."""
_MAX_BUFFERS = 8
_NUMPY = frozenset({"dtype", "_frombuffer", "scalar"})
"""What numpy names in the frame of an array whose pixels are in a buffer."""


class EndedError(Exception):
    """The other side closed the connection, or died, before the frame's end."""


@dataclass(frozen=True)
class Failure:
    """Why a file could not be read: the name of an exception's class, and its message."""

    kind: str
    detail: str
    hint: str = ""


def send(connection: socket.socket, value: object) -> None:
    """Send one frame.

    Raises:
        EndedError: If the other side is gone.
    """
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    sizes = b"".join(_SIZE.pack(view.nbytes) for view in views)
    try:
        connection.sendall(_HEAD.pack(len(pickled), len(views)) + sizes + pickled)
        for view in views:
            connection.sendall(view)
    except OSError as error:
        raise EndedError(str(error)) from None


def receive_request(stream: BinaryIO) -> Any:  # noqa: ANN401 - whatever was sent
    """Receive a frame whose buffers become ``bytes``; errors as of ``receive_answer``."""
    pickled, sizes = _head(stream)
    return _loads(pickled, [_exactly(stream, size) for size in sizes])


def receive_answer(stream: BinaryIO) -> Any:  # noqa: ANN401 - whatever was sent
    """Receive a frame whose buffers become the memory of its arrays.

    Raises:
        EndedError: If the other side is gone.
        ValueError: If the frame is none of ours.
    """
    pickled, sizes = _head(stream)
    arrays = [np.empty(size, np.uint8) for size in sizes]
    for array in arrays:
        _fill(stream, array.data)
    return _loads(pickled, arrays)


def _head(stream: BinaryIO) -> tuple[bytes, list[int]]:
    length, count = _HEAD.unpack(_exactly(stream, _HEAD.size))
    if length > _MAX_PICKLED or count > _MAX_BUFFERS:
        raise ValueError(f"a frame of {length} bytes and {count} buffers is none of ours")
    sizes = [_SIZE.unpack(_exactly(stream, _SIZE.size))[0] for _ in range(count)]
    return _exactly(stream, length), sizes


def _exactly(stream: BinaryIO, size: int) -> bytes:
    try:
        data = stream.read(size)
    except OSError as error:
        raise EndedError(str(error)) from None
    if len(data) < size:
        raise EndedError("the connection was closed")
    return data


def _fill(stream: BinaryIO, view: memoryview) -> None:
    done = 0
    while done < view.nbytes:
        try:
            count = stream.readinto(view[done:])  # type: ignore[attr-defined]
        except OSError as error:
            raise EndedError(str(error)) from None
        if not count:
            raise EndedError("the connection was closed")
        done += count


class _Reader(pickle.Unpickler):
    """Unpickles builtins, arrays, failures, and the classes of a picture; nothing else."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - a class or function
        """Return the class that a frame names, if it is allowed."""
        ours = module == picture.__name__ or (module, name) == (__name__, "Failure")
        numbers = module.partition(".")[0] == "numpy" and name in _NUMPY
        found = super().find_class(module, name) if (ours or numbers) and "." not in name else None
        if found is None or (ours and getattr(found, "__module__", "") != module):
            raise pickle.UnpicklingError(f"a frame must not name {module}.{name}")
        return found


def _loads(pickled: bytes, buffers: list[Any]) -> Any:  # noqa: ANN401 - whatever was sent
    try:
        return _Reader(io.BytesIO(pickled), buffers=buffers).load()
    except (pickle.UnpicklingError, EOFError) as error:
        raise ValueError(f"the frame cannot be read: {error}") from None
