"""EXIF: what of it goes along with a restored picture."""

from dataclasses import replace

from model.pictures import limits
from model.pictures.picture import Metadata
from model.pictures.tags import EXIF, GPS, INTEROP, LONG, ORIENTATION, SHORT, Block, read, text

NOTICE = "the EXIF cannot be carried over: left out"
_WIDTH, _HEIGHT = 0xA002, 0xA003
_COLOUR_SPACE, _INTEROP_INDEX = 0xA001, 1
_ADOBE_SPACE = 2
_DESCRIPTION, _SOFTWARE, _ARTIST, _COPYRIGHT = 0x010E, 0x0131, 0x013B, 0x8298
_ACROSS, _DOWN, _UNIT, _INCH, _CENTIMETRE = 282, 283, 296, 2, 3
# Tags that say how a TIFF stores its pixels, and blocks that are kept apart or not at all.
_LAYOUT = frozenset(
    tag
    for first, last in (
        *((254, 266), (273, 273), (277, 281), (284, 293), (297, 301), (317, 349), (512, 532)),
        *((559, 559), (700, 700), (33421, 33422), (33723, 33723), (34377, 34377), (34675, 34675)),
        *((37724, 37724), (50706, 51199)),
    )
    for tag in range(first, last + 1)
)


def loaded(block: bytes) -> tuple[Block, tuple[str, ...]]:
    """Return the tags of a block, or none and why; malformed ones must not cost the picture."""
    if not block:
        return Block(), ()
    try:
        if len(block) > limits.MAX_EXIF_BYTES + 6:
            return Block(), (NOTICE,)
        return read(block), ()
    except ValueError:
        return Block(), (NOTICE,)


def loaded_tiff(data: bytes) -> tuple[Block, tuple[str, ...]]:
    """Return the tags of a TIFF's first page, or none and why."""
    try:
        return read(data), ()
    except ValueError:
        return Block(), (NOTICE,)


def without_layout(block: Block) -> Block:
    """Return the tags without those that say how a TIFF stores its pixels."""
    return replace(
        block,
        tags={number: value for number, value in block.tags.items() if number not in _LAYOUT},
    )


def orientation_of(block: Block) -> int:
    """Return how the picture lies, 1 to 8; 1 is upright."""
    value = block.number(ORIENTATION)
    return value if value is not None and 1 <= value <= 8 else 1


def is_adobe_rgb(block: Block) -> bool:
    """Whether the tags say that the colours are those of Adobe RGB, as DCF's option files do."""
    index = block.text(_INTEROP_INDEX, EXIF, INTEROP)
    return index == "R03" or block.number(_COLOUR_SPACE, EXIF) == _ADOBE_SPACE


def density_of(block: Block) -> tuple[float, float] | None:
    """Return the dots per inch that the tags tell, across and down; None: they tell none."""
    unit = {_INCH: 1.0, _CENTIMETRE: 2.54}.get(block.number(_UNIT) or _INCH)
    across, down = (block.fraction(tag) for tag in (_ACROSS, _DOWN))
    if unit is None or not across or not down:
        return None
    return across * unit, down * unit


def filtered(block: Block, metadata: Metadata, size: tuple[int, int]) -> Block:
    """Return the tags of a picture that is upright now; its thumbnail is gone.

    Args:
        block: As read.
        metadata: ``no-gps`` leaves out the place, ``strip`` everything.
        size: Width and height, upright.
    """
    if metadata == "strip":
        return Block()
    hidden = {GPS} if metadata == "no-gps" else set()
    tags = {
        number: value
        for number, value in without_layout(block).tags.items()
        if number not in hidden
    }
    if ORIENTATION in tags:
        tags[ORIENTATION] = block.integer(1, SHORT)
    inner = tags.get(EXIF)
    if isinstance(inner, dict):
        sides = {_WIDTH: size[0], _HEIGHT: size[1]}
        tags[EXIF] = inner | {
            tag: block.integer(side, LONG) for tag, side in sides.items() if tag in inner
        }
    return Block(block.order, tags)


def with_words(block: Block, words: dict[str, str]) -> Block:
    """Return the tags with an author, a copyright and the like where they have none.

    Args:
        block: As kept.
        words: Some of ``author``, ``copyright``, ``description`` and ``software``.
    """
    tags = {"author": _ARTIST, "copyright": _COPYRIGHT, "description": _DESCRIPTION}
    tags["software"] = _SOFTWARE
    new = {tags[name]: text(told) for name, told in words.items() if told}
    return replace(block, tags=new | block.tags)


def with_density(block: Block, density: tuple[float, float]) -> Block:
    """Return the tags with the dots per inch, where they tell none."""
    if density_of(block) is not None:
        return block
    across, down = density
    new = {_ACROSS: block.ratio(across), _DOWN: block.ratio(down)}
    return replace(block, tags=block.tags | new | {_UNIT: block.integer(_INCH, SHORT)})
