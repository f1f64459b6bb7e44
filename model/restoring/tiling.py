"""Cut pictures of any size into tiles. The tiled answer equals the untiled one to rounding."""

from dataclasses import dataclass
from typing import NamedTuple


class Box(NamedTuple):
    """Rectangle in picture pixels; bottom and right are exclusive."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left


@dataclass(frozen=True)
class Tile:
    """One unit of work.

    Attributes:
        crop: What the network reads; sides are multiples of the network's, so that it may pass
            the picture's bottom and right, where the picture is continued.
        keep: What the tile answers for, inside the picture.
    """

    crop: Box
    keep: Box

    def box(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Return the crop as fractions of a picture of ``height`` by ``width`` pixels."""
        top, left, bottom, right = self.crop
        return top / height, left / width, bottom / height, right / width


def plan_tiles(
    height: int, width: int, *, tile: int, halo: int, multiple: int, part: Box | None = None
) -> list[Tile]:
    """Plan the tiles of a picture.

    Args:
        height: Rows of the picture, at least 1.
        width: Columns of the picture, at least 1.
        tile: A picture of at most ``tile * tile`` pixels is one tile; a larger one is cut into
            tiles that keep about ``tile`` by ``tile`` pixels each.
        halo: Margin that a tile reads beyond what it keeps, at least the network's reach.
        multiple: Sides and origins of crops are multiples of this.
        part: What to cover, if it isn't all: the kept part of a tile planned before, to be cut
            into smaller ones.

    Returns:
        Tiles in rows; what they keep is disjoint and covers the picture, or the part.

    Raises:
        ValueError: If a size is below 1, or ``tile`` below ``multiple``.
    """
    if min(height, width) < 1 or tile < multiple or halo < 0:
        raise ValueError(
            f"cannot tile {height}x{width} pixels by {tile} with halo {halo}, multiple {multiple}"
        )
    padded_height, padded_width = _up(height, multiple), _up(width, multiple)
    if part is None and padded_height * padded_width <= tile * tile:
        whole = Box(0, 0, padded_height, padded_width)
        return [Tile(whole, Box(0, 0, height, width))]
    margin = _up(halo, multiple)
    top, left, bottom, right = part or Box(0, 0, height, width)
    rows = _spans(top, bottom, padded_height, tile, margin, multiple)
    columns = _spans(left, right, padded_width, tile, margin, multiple)
    return [
        Tile(Box(row[0], column[0], row[1], column[1]), Box(row[2], column[2], row[3], column[3]))
        for row in rows
        for column in columns
    ]


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _spans(
    first: int, last: int, padded: int, tile: int, margin: int, multiple: int
) -> list[tuple[int, int, int, int]]:
    """Cut one side into even pieces: (read from, read to, keep from, keep to) each."""
    count = -(-(last - first) // tile)
    step = _up(-(-(last - first) // count), multiple)
    return [
        (
            max(0, start - margin),
            min(padded, start + step + margin),
            start,
            min(last, start + step),
        )
        for start in range(first, last, step)
    ]
