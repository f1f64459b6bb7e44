"""Texts beside the pixels of a PNG, and comments of a JPEG."""

import re

from model.pictures.picture import Metadata

COMMENT = "Comment"
_PLACE = re.compile(
    r"gps|latitude|longitude|altitude|location|^(city|country|state|province|place|coverage)$",
    re.IGNORECASE,
)
_WORDS = {"author": ("Author", "Artist"), "copyright": ("Copyright",)}
_WORDS |= {"description": ("Description", "Title"), "software": ("Software",)}

Texts = tuple[tuple[str, str], ...]


def filtered(texts: Texts, metadata: Metadata) -> Texts:
    """Return the texts that go along; ``no-gps`` leaves out those whose keyword is of a place."""
    if metadata != "no-gps":
        return texts
    return tuple((keyword, told) for keyword, told in texts if not _PLACE.search(keyword))


def words(texts: Texts) -> dict[str, str]:
    """Return author, copyright, description and software, as far as the texts tell them."""
    first = dict(reversed(texts))
    found = {
        name: next((first[keyword] for keyword in keywords if keyword in first), "")
        for name, keywords in _WORDS.items()
    }
    return {name: told for name, told in found.items() if told}


def others(texts: Texts) -> list[str]:
    """Return the keywords of the texts that ``words`` does not tell, in order."""
    told = words(texts).values()
    return list(dict.fromkeys(keyword for keyword, words in texts if words not in told))
