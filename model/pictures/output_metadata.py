"""What a format holds of a picture's colours and metadata, and what is said of the rest."""

import re
from dataclasses import replace

from model.pictures import exif, iptc, profiles, tags, texts
from model.pictures.colour import in_own_colours, in_srgb
from model.pictures.embed_metadata import MetadataBlocks
from model.pictures.formats import Encoding
from model.pictures.picture import Picture, Pixels

_HDR_FORMATS = ("png",)
"""Formats that hold the numbers of an HDR picture's colours."""
_NAMED = 5
"""Keywords that a notice names at most."""
_PLAIN = ("bmp", "npy")
"""Formats that hold pixels and nothing else; BMP holds their density too."""


def convert_colours(
    picture: Picture, restored: Pixels, encoding: Encoding
) -> tuple[Pixels, MetadataBlocks, tuple[str, ...]]:
    """Bring restored pixels to colours that a format can tell.

    Args:
        picture: The input.
        restored: Shape (H, W, 3), sRGB, of the type of ``picture.rgb``.
        encoding: The format.

    Returns:
        Pixels (H, W, 1 or 3), what tells their colours, and what the caller should know.
    """
    if picture.hdr is not None:
        if encoding.name in _HDR_FORMATS:
            return in_own_colours(picture, restored), MetadataBlocks(cicp=picture.hdr), ()
        name = profiles.HDR[picture.hdr[1]]
        words = f"{encoding.name} is written without HDR ({name}): it was converted to SDR"
        return in_srgb(picture, restored), MetadataBlocks(), (words,)
    of_grey = picture.icc[16:20] == b"GRAY"
    if picture.icc and (not encoding.profile or (of_grey and not encoding.grey)):
        words = f"{encoding.name} is written without a colour profile: the picture became sRGB"
        lost = picture.own is not None and not encoding.profile
        return in_srgb(picture, restored), MetadataBlocks(), (words,) if lost else ()
    return in_own_colours(picture, restored), MetadataBlocks(icc=picture.icc), ()


def with_metadata(
    blocks: MetadataBlocks, picture: Picture, encoding: Encoding
) -> tuple[MetadataBlocks, tuple[str, ...]]:
    """Add the metadata that a format holds.

    Author, copyright and description go into EXIF where the format does not hold the records or
    texts that tell them.

    Returns:
        What goes beside the pixels, and what the caller should know.
    """
    notices: list[str] = []
    if encoding.name in _PLAIN:
        told = {"EXIF": picture.exif, "XMP": picture.xmp, "IPTC": picture.iptc}
        told["texts"] = b"x" * len(picture.texts)
        lost = ", ".join(name for name, block in told.items() if block)
        words = f"{encoding.name} holds no metadata, so it was left out: {lost}"
        return replace(blocks, density=picture.density), (words,) if lost else ()
    block = tags.read(picture.exif) if picture.exif else tags.Block()
    if picture.iptc and not encoding.iptc:
        block = exif.with_words(block, iptc.words(picture.iptc))
        notices.append(
            f"{encoding.name} holds no IPTC: author, copyright and caption went into EXIF, and "
            "all else was left out"
        )
    if picture.texts and not encoding.texts:
        block = exif.with_words(block, texts.words(picture.texts))
        lost_texts = [one for one in texts.others(picture.texts) if _is_lost(one, encoding)]
        if lost_texts:
            named = ", ".join(_plain_word(one) for one in lost_texts[:_NAMED])
            notices.append(
                f"{encoding.name} does not hold these texts, they were left out: {named}"
            )
    if picture.density is not None and encoding.name in ("webp", "avif", "jxl"):
        block = exif.with_density(block, picture.density)
    with_all = replace(
        blocks,
        exif=tags.written(block) if block.tags else b"",
        xmp=picture.xmp,
        iptc=picture.iptc if encoding.iptc else b"",
        texts=picture.texts,
        density=picture.density,
    )
    return with_all, tuple(notices)


def _plain_word(keyword: str) -> str:
    """Return a keyword of a stranger's file as it may stand in a header."""
    return re.sub(r"[^A-Za-z0-9 _.:-]", "?", keyword)[:40]


def _is_lost(keyword: str, encoding: Encoding) -> bool:
    return not (encoding.name == "jpeg" and keyword == texts.COMMENT)
