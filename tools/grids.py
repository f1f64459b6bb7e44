"""HEIC files whose picture is put together of tiles, as phones write them."""

import io
import struct

import numpy as np
import pillow_heif
from PIL import Image

from model.pictures.inspection.boxes import Item, boxes, items


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, body: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + body)


def _tile(pixels: np.ndarray) -> tuple[bytes, bytes]:
    """Code a tile; return the property that holds its parameters, and its coded bytes."""
    body = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(body, quality=90)
    data = body.getvalue()
    meta = next(box for box in boxes(data, 0, len(data)) if box.kind == b"meta")
    primary, found = items(data, meta)
    item: Item = found[primary]
    parameters = next(box for box in item.properties if box.kind == b"hvcC")
    coded = b"".join(data[start:end] for start, end in item.extents)
    return data[parameters.start : parameters.end], coded


def _item(number: int, kind: bytes) -> bytes:
    return _full(b"infe", struct.pack(">HH", number, 0) + kind + b"\0", version=2)


def grid(pixels: np.ndarray, side: int, references: list[int] | None = None) -> bytes:
    """A HEIC of (H, W, 3) in tiles of ``side`` x ``side``, which divides H and W.

    Args:
        pixels: The picture.
        side: Columns and rows of a tile.
        references: Numbers of the tiles, from 1, in order; None: each once.
    """
    height, width = pixels.shape[:2]
    rows, columns = height // side, width // side
    tiles = [
        _tile(pixels[top : top + side, left : left + side])
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]
    whole, count = len(tiles) + 1, len(tiles)
    kinds = b"".join(_item(number, b"hvc1") for number in range(1, whole)) + _item(whole, b"grid")
    properties = _box(b"hvcC", tiles[0][0])
    for size in ((side, side), (width, height)):
        properties += _full(b"ispe", struct.pack(">II", *size))
    uses = b"".join(struct.pack(">HBBB", number, 2, 0x81, 0x02) for number in range(1, whole))
    uses += struct.pack(">HBB", whole, 1, 0x03)
    parts = references or list(range(1, whole))
    refers = struct.pack(f">HH{len(parts)}H", whole, len(parts), *parts)
    plan = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)

    def meta(begin: int) -> bytes:
        """The box of metadata, where the tiles' bytes begin at ``begin`` in the file."""
        places, at = b"", begin
        for number, (_, coded) in enumerate(tiles, 1):
            places += struct.pack(">HHHHII", number, 0, 0, 1, at, len(coded))
            at += len(coded)
        places += struct.pack(">HHHHII", whole, 1, 0, 1, 0, len(plan))
        return _full(
            b"meta",
            _full(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + _full(b"pitm", struct.pack(">H", whole))
            + _full(b"iloc", b"\x44\0" + struct.pack(">H", count + 1) + places, version=1)
            + _full(b"iinf", struct.pack(">H", count + 1) + kinds)
            + _full(b"iref", _box(b"dimg", refers))
            + _box(
                b"iprp", _box(b"ipco", properties) + _full(b"ipma", struct.pack(">I", whole) + uses)
            )
            + _box(b"idat", plan),
        )

    head = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    begin = len(head) + len(meta(0)) + 8
    return head + meta(begin) + _box(b"mdat", b"".join(coded for _, coded in tiles))
