"""The names that fields of a form, or members of a JSON object, have for a picture."""

import re

IMAGE_FIELDS = (
    "image",
    "images",
    "file",
    "files",
    "photo",
    "picture",
    "img",
    "upload",
    "data",
    "image_file",
    "imagefile",
    "image_data",
    "image_base64",
    "base64_image",
)
"""Names of what may hold the picture; documents name the first."""
MAX_OPTION_BYTES = 64 * 1024
"""Most bytes of everything in a form or a JSON body that is no picture."""
_IGNORED = frozenset({"_charset_"})
"""Fields that browsers and programs add, and that say nothing about a picture."""
JSON_ENVELOPE = frozenset({"id", "model", "version"})
"""Members that programs such as PhotoPrism send to any model; here they choose nothing."""
_INDEX = re.compile(r"\[\d*\]$")


def is_image(name: str) -> bool:
    """Whether a field's name means the picture; ``image[]`` and ``Image`` do too."""
    return _INDEX.sub("", name).lower() in IMAGE_FIELDS


def is_ignored(name: str) -> bool:
    """Whether a field is left out, because it is no option and says nothing about a picture."""
    return name in _IGNORED
