"""TIFF: the first page's tags, which say what a decoder would have to do."""

from typing import NamedTuple

import numpy as np

from model.pictures import limits
from model.pictures.errors import (
    BrokenPictureError,
    UnsupportedPictureError,
)
from model.pictures.inspection.directories import Directory, Tree
from model.pictures.picture import Header

_REDUCED, _DNG_VERSION = 1, 50706
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_FORMATS = {_SIGNED: "signed numbers", 4: "values of no kind", 5: "complex integers"}
_FORMATS[6] = "complex numbers"
_SUBFILE, _WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _COUNTS, _DEPTH = (273, 324), 277, (279, 325), 32997
_STRIP_ROWS, _PLANES, _SEPARATE = 278, 284, 2
_TILE_WIDTH, _TILE_LENGTH, _SAMPLE_FORMAT = 322, 323, 339
_PALETTE = 3


class Page(NamedTuple):
    """What the first page says of its pixels."""

    width: int
    height: int
    samples: int
    bits: int
    palette: bool
    floats: bool

    @property
    def bytes(self) -> int:
        """Bytes of a stored pixel."""
        return -(-self.bits * self.samples // 8)


def inspect(data: bytes) -> Header:
    """Read the first page's size, and check that its pixels are of a kind that is read.

    Raises:
        BrokenPictureError: If the page has no pixels, or they do not lie in the file.
        UnsupportedPictureError: If it is a raw photograph or of numbers that aren't read.
        OversizedPictureError: If there is too much of something.
    """
    tree = Tree(data)
    page = tree.read(tree.first)
    if (
        data[8:10] == b"CR"
        or _DNG_VERSION in page.tags
        or _number(tree, page, _SUBFILE, 0) & _REDUCED
    ):
        raise UnsupportedPictureError(  # its first page would be a thumbnail
            "raw photographs are not read", hint="Develop it to TIFF, PNG or JPEG first."
        )
    found = _page(tree, page)
    _check_numbers(tree, page, found)
    _check_tile(tree, page, found)
    _check_places(tree, page, len(data))
    return Header(
        "TIFF",
        found.width,
        found.height,
        samples=3 if found.palette else found.samples,
        bits=max(8, found.bits),
        several=_follows(tree, page, len(data)),
        workspace=_workspace(tree, page, found, len(data)),
    )


def _page(tree: Tree, page: Directory) -> Page:
    samples = _number(tree, page, _SAMPLES, 1)
    bits = tree.values(page.tags.get(_BITS))
    width, height = _number(tree, page, _WIDTH, 0), _number(tree, page, _LENGTH, 0)
    formats = tree.values(page.tags.get(_SAMPLE_FORMAT))
    if not 1 <= samples <= limits.MAX_SAMPLES:
        raise UnsupportedPictureError(
            f"TIFFs of {samples} channels are not read, at most {limits.MAX_SAMPLES}"
        )
    if _number(tree, page, _DEPTH, 1) > 1:
        raise UnsupportedPictureError("TIFFs of volumes are not read")
    return Page(
        width,
        height,
        samples,
        int(bits.max()) if bits.size else 1,
        palette=_number(tree, page, _PHOTOMETRIC, 1) == _PALETTE,
        floats=bool(formats.size) and int(formats[0]) == _FLOAT,
    )


def _check_numbers(tree: Tree, page: Directory, found: Page) -> None:
    """Refuse numbers other than unsigned ones of at most 16 bits and floats."""
    formats = set(tree.values(page.tags.get(_SAMPLE_FORMAT)).tolist()) or {_UNSIGNED}
    kind = next((name for number, name in _FORMATS.items() if number in formats), "numbers")
    if found.bits > 8 and not formats <= {_UNSIGNED, _FLOAT}:
        raise UnsupportedPictureError(
            f"TIFFs of {kind} of {found.bits} bits are not read", hint=_TO
        )
    if not found.floats and found.bits > 16:
        raise UnsupportedPictureError(
            f"TIFFs of {found.bits} bits a channel are not read", hint=_TO
        )
    if found.floats and found.bits not in (16, 24, 32, 64):
        raise UnsupportedPictureError(
            f"TIFFs of floats of {found.bits} bits are not read", hint=_TO
        )
    if found.bytes > limits.MAX_PIXEL_BYTES:
        raise UnsupportedPictureError(
            f"a pixel of the TIFF has {found.bytes} bytes, "
            f"at most {limits.MAX_PIXEL_BYTES} are read",
            hint=_TO,
        )


_TO = "Convert it to 8 or 16 bits a channel, with no channels but colour and transparency."


def _check_tile(tree: Tree, page: Directory, found: Page) -> None:
    tile = _number(tree, page, _TILE_WIDTH, 0) * _number(tree, page, _TILE_LENGTH, 0)
    if tile > max(limits.MAX_TILE_PIXELS, 2 * found.width * found.height):
        raise BrokenPictureError("the picture's tiles are larger than any picture")


def _check_places(tree: Tree, page: Directory, length: int) -> None:
    """Check that every strip or tile has a place in the file, and one of its own."""
    starts, sizes = (
        next((tree.values(page.tags[tag]) for tag in tags if tag in page.tags), _NONE)
        for tags in (_OFFSETS, _COUNTS)
    )
    if not starts.size:
        raise BrokenPictureError("the TIFF does not say where its pixels lie")
    missing = np.count_nonzero((starts == 0) | (starts >= length))
    if sizes.size > 1:
        missing = max(missing, np.count_nonzero(sizes == 0))
    if missing:
        raise BrokenPictureError(f"the file lacks {missing} of the picture's strips or tiles")
    if float(sizes.sum(dtype=np.float64)) > 2.0 * length:
        raise BrokenPictureError("the strips or tiles of the picture are longer than the file")


_NONE = np.zeros(0, np.uint64)


def _workspace(tree: Tree, page: Directory, found: Page, length: int) -> int:
    """Return the bytes of a decoded strip or tile, twice if it was compressed."""
    rows = min(_number(tree, page, _STRIP_ROWS, found.height), found.height)
    tile = _number(tree, page, _TILE_WIDTH, 0) * _number(tree, page, _TILE_LENGTH, 0)
    samples = 1 if _number(tree, page, _PLANES, 1) == _SEPARATE else found.samples
    block = (tile or rows * found.width) * -(-samples * found.bits // 8)
    plain = _number(tree, page, _COMPRESSION, 1) == 1
    return min(length, found.width * found.height * found.bytes) if plain else 2 * block


def _follows(tree: Tree, page: Directory, length: int) -> bool:
    """Whether another page follows; the pages behind that one are never looked at."""
    return page.next != tree.first and 8 <= page.next <= length - 2


def _number(tree: Tree, page: Directory, tag: int, default: int) -> int:
    values = tree.values(page.tags.get(tag))
    return int(values[0]) if values.size else default
