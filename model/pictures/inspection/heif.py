"""AVIF and HEIC: the sizes that they declare, held against those of the coded pictures."""

from collections.abc import Iterator

from model.pictures import limits
from model.pictures.errors import (
    BrokenPictureError,
    OversizedPictureError,
    UnsupportedPictureError,
)
from model.pictures.inspection.av1_and_hevc import av1_sizes, hevc_sizes, hevc_unit
from model.pictures.inspection.boxes import Box, Cursor, Item, bounded, boxes, find, items
from model.pictures.inspection.directories import check_exif
from model.pictures.picture import Header

BRANDS = frozenset(
    {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
)
"""What these files call themselves first."""
_AV1, _HEVC = b"av01", b"hvc1"
_COMPOSED = (b"grid", b"iden", b"iovl")
_ALPHAS = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_PAD = 63
"""Columns and rows by which a coded picture may exceed what is shown of it."""
_DEPTH = 4
_ROUGHLY = 4


def inspect(data: bytes) -> Header:
    """Read the declared size, and check that the coded pictures have it too.

    Raises:
        BrokenPictureError: If a size is missing, or the coded picture is larger than it.
        UnsupportedPictureError: If it is coded in a way that isn't read.
        OversizedPictureError: If there is too much of something.
    """
    top = {box.kind: box for box in boxes(data, 0, len(data))}
    tracks = list(_tracks(data, top[b"moov"])) if b"moov" in top else []
    if b"meta" not in top:
        return _of_tracks(tracks)
    primary, found = items(data, top[b"meta"])
    family = _Family(data, found)
    kind = family.check(primary)
    if family.coded > _ROUGHLY * family.pixels(primary) + limits.MAX_TILE_PIXELS:
        raise BrokenPictureError("the coded pictures are larger than the picture they make")
    _check_exif(data, found)
    width, height = family.size(primary)
    if kind == _AV1 and tracks:
        width, height = max([(width, height), *tracks], key=lambda size: size[0] * size[1])
    transparent = any(_is_alpha(data, found[other]) for other in found[primary].auxiliaries)
    return Header(
        "AVIF" if kind == _AV1 else "HEIF",
        width,
        height,
        samples=3 + transparent,
        bits=16 if family.bits > 8 and not tracks else 8,
        depth=family.bits,
        transparent=transparent,
    )


def _of_tracks(tracks: list[tuple[int, int]]) -> Header:
    if not tracks:
        raise BrokenPictureError("the file names no picture")
    return Header("AVIF", *tracks[0], samples=4, several=True)


class _Family:
    """The items that decoding one picture takes.

    Args:
        data: The file.
        found: Its items by number.
    """

    def __init__(self, data: bytes, found: dict[int, Item]) -> None:
        self._data, self._found = data, found
        self._read = 0
        self._visits = 0
        self.coded = 0
        """Pixels of all coded pictures that were checked."""
        self.bits = 8
        """Bits of a channel of the coded picture that has most of them."""

    def size(self, number: int) -> tuple[int, int]:
        """Return the declared width and height of an item."""
        for box in self._found.get(number, Item()).properties:
            if box.kind == b"ispe":
                cursor = Cursor(self._data, box.start + 4, box.end)
                return cursor.uint(4), cursor.uint(4)
        raise BrokenPictureError("the file does not say how large its picture is")

    def pixels(self, number: int) -> int:
        """Return the declared pixels of an item."""
        width, height = self.size(number)
        return width * height

    def check(self, number: int, depth: int = 0) -> bytes:
        """Check an item and those it is made of; return how they are coded."""
        item = self._found.get(number, Item())
        self._visits = bounded(self._visits + 1, "parts")
        if depth > _DEPTH:
            raise OversizedPictureError("the pictures of the file hold each other too deeply")
        if item.kind in _COMPOSED and item.parts:
            kinds = {self.check(part, depth + 1) for part in item.parts}
        elif item.kind in (_AV1, _HEVC):
            kinds = {item.kind}
            self._check_coded(item, self.size(number))
        elif not item.kind:
            raise BrokenPictureError("the file names no picture")
        else:
            raise UnsupportedPictureError(
                f"pictures coded as {item.kind.decode('latin-1')} are not read"
            )
        for other in item.auxiliaries:
            if self._found[other].kind in (_AV1, _HEVC, *_COMPOSED):  # no other is decoded
                self.check(other, depth + 1)
        return kinds.pop()

    def _check_coded(self, item: Item, declared: tuple[int, int]) -> None:
        self.coded += declared[0] * declared[1]
        self.bits = max(self.bits, *(_bits(self._data, box) for box in item.properties), 8)
        sizes = list(self._sizes(item))
        if not sizes:
            raise BrokenPictureError("a coded picture has no header")
        _agree(sizes, declared)

    def _sizes(self, item: Item) -> Iterator[tuple[int, int]]:
        coded = self._bytes(item)
        if item.kind == _AV1:
            yield from av1_sizes(coded)
            return
        for box in item.properties:
            if box.kind == b"hvcC" and box.end - box.start >= 23:
                yield from _parameter_sets(self._data, box)
                yield from hevc_sizes(coded, (self._data[box.start + 21] & 3) + 1)

    def _bytes(self, item: Item) -> bytes:
        """Return the bytes of an item; those of all together are no more than the file's."""
        self._read += sum(end - start for start, end in item.extents)
        if self._read > 2 * len(self._data):
            raise BrokenPictureError("the items of the file are longer than the file")
        if len(item.extents) == 1:
            start, end = item.extents[0]
            return self._data[start:end]
        return b"".join(self._data[start:end] for start, end in item.extents)


def _bits(data: bytes, box: Box) -> int:
    """Return the bits of a channel that the configuration of a coder tells; 0: it is none."""
    head = data[box.start : min(box.end, box.start + 18)]
    if box.kind == b"av1C" and len(head) >= 3:
        high, twelve = head[2] >> 6 & 1, head[2] >> 5 & 1
        return 8 + 2 * high + 2 * (high & twelve)
    return 8 + (head[17] & 7) if box.kind == b"hvcC" and len(head) >= 18 else 0


def _is_alpha(data: bytes, item: Item) -> bool:
    """Whether an item that belongs to a picture is its transparency, not its depth for example."""
    kinds = [data[box.start + 4 : box.end] for box in item.properties if box.kind == b"auxC"]
    return not kinds or any(kind.startswith(_ALPHAS) for kind in kinds)


def _agree(sizes: list[tuple[int, int]], declared: tuple[int, int]) -> None:
    for size in sizes:
        if any(coded > said + _PAD for coded, said in zip(size, declared, strict=True)):
            raise BrokenPictureError(
                f"the coded picture has {size[0]}x{size[1]} pixels, "
                f"and the file declares {declared[0]}x{declared[1]}"
            )


def _parameter_sets(data: bytes, box: Box) -> Iterator[tuple[int, int]]:
    """Give the sizes in the parameter sets that stand beside an HEVC picture."""
    cursor = Cursor(data, box.start + 22, box.end)
    total = 0
    for _ in range(cursor.uint(1)):
        cursor.uint(1)
        count = cursor.uint(2)
        total = bounded(total + count, "parameter sets")
        for _ in range(count):
            yield from hevc_unit(cursor.bytes(cursor.uint(2)))


def _tracks(data: bytes, moov: Box) -> Iterator[tuple[int, int]]:
    """Give the declared sizes of the AV1 tracks, whose first pictures have them too."""
    for trak in boxes(data, moov.start, moov.end):
        stbl = find(data, trak, b"mdia", b"minf", b"stbl") if trak.kind == b"trak" else None
        tkhd, stsd = find(data, trak, b"tkhd") if stbl else None, find(data, stbl, b"stsd")
        if tkhd is None or stsd is None or data[stsd.start + 12 : stsd.start + 16] != _AV1:
            continue
        cursor = Cursor(data, tkhd.end - 8, tkhd.end)
        declared = cursor.uint(4) >> 16, cursor.uint(4) >> 16
        _agree(list(av1_sizes(_first_sample(data, stbl))), declared)
        yield declared


def _first_sample(data: bytes, stbl: Box | None) -> bytes:
    sizes = find(data, stbl, b"stsz")
    places = find(data, stbl, b"stco") or find(data, stbl, b"co64")
    if sizes is None or places is None:
        raise BrokenPictureError("a track of the file does not say where its pictures lie")
    cursor = Cursor(data, sizes.start + 4, sizes.end)
    size = cursor.uint(4)
    if not size and cursor.uint(4):
        size = cursor.uint(4)
    cursor = Cursor(data, places.start + 4, places.end)
    start = cursor.uint(4 if places.kind == b"stco" else 8) if cursor.uint(4) else 0
    return data[start : start + size]


def _check_exif(data: bytes, found: dict[int, Item]) -> None:
    """Refuse EXIF whose tags are too many or too large; Pillow reads it before it is asked for."""
    for item in found.values():
        if item.kind == b"Exif" and len(item.extents) == 1:
            start, end = item.extents[0]
            block = data[start:end]
            check_exif(block[4 + int.from_bytes(block[:4]) :])
        elif item.kind == b"Exif":
            raise UnsupportedPictureError("EXIF in several parts of a file is not read")
