"""Which format the answer to a request has: from its options, its ``Accept``, and its picture."""

from dataclasses import dataclass

from model.pictures import ENCODINGS, Encoding, Header, default_quality, natural_encoding
from service.answers.negotiation import choose
from service.errors import InvalidOptionsError, NotAcceptableError
from service.options import MapOptions, RestoreOptions

JSON = "application/json"
PNG = "image/png"
NPZ = "application/x-npz"

_WEB = ("png", "jpeg", "webp", "avif", "jxl", "npy")
OFFERED = {name: ENCODINGS[name] for name in _WEB if name in ENCODINGS}
"""Formats of restored pictures, by name."""
BY_MEDIA_TYPE = {encoding.media_type: encoding for encoding in OFFERED.values()}
"""The same, by media type."""
_ORDER = sorted(
    [*BY_MEDIA_TYPE, JSON], key=lambda one: (one.startswith("application/"), one != JSON)
)
"""What is offered, best first: pictures, JSON, arrays."""


@dataclass(frozen=True)
class RestoreFormat:
    """The format of an answer to ``/restore``.

    Attributes:
        encoding: Format of the restored picture.
        quality: Quality of a lossy encoding.
        as_json: Whether the answer is JSON that contains the picture as base64.
    """

    encoding: Encoding
    quality: int
    as_json: bool


def restore_format(options: RestoreOptions, accept: str, header: Header) -> RestoreFormat:
    """Choose the format of an answer to ``/restore``, before any work is done.

    Raises:
        NotAcceptableError: If ``Accept`` names no format that the service can write.
        InvalidOptionsError: If the format is unknown or cannot hold the picture.
    """
    if options.format == "auto":
        natural = natural_encoding(header)
        media_type = choose(accept, _ORDER, default=natural.media_type)
        encoding = BY_MEDIA_TYPE.get(media_type, natural)
        if max(header.width, header.height) > encoding.max_side:
            encoding = OFFERED["png"]
        return RestoreFormat(
            encoding, _quality(options, header, encoding), as_json=media_type == JSON
        )
    if options.format not in OFFERED:
        raise InvalidOptionsError(f"{options.format} cannot be written by this service")
    encoding = OFFERED[options.format]
    _check_size(encoding, header.width, header.height)
    try:
        media_type = choose(accept, [encoding.media_type, JSON], default=encoding.media_type)
    except NotAcceptableError:  # the option outranks the header
        media_type = encoding.media_type
    return RestoreFormat(encoding, _quality(options, header, encoding), as_json=media_type == JSON)


def _quality(options: RestoreOptions, header: Header, encoding: Encoding) -> int:
    given = "quality" in options.model_fields_set
    return options.quality if given else default_quality(header, encoding)


def _check_size(encoding: Encoding, width: int, height: int) -> None:
    """Refuse a picture that ``encoding`` cannot hold."""
    if max(width, height) > encoding.max_side:
        raise InvalidOptionsError(
            f"{encoding.name} holds at most {encoding.max_side} pixels a side, "
            f"the picture is {width}x{height}",
            hint="Ask for format=png.",
        )


def map_media_type(options: MapOptions, accept: str, classes: tuple[str, ...]) -> str:
    """Choose the media type of an answer to ``/degradation-map``.

    Raises:
        NotAcceptableError: If ``Accept`` names no format that the service can write.
        InvalidOptionsError: If ``class`` is missing, unknown, or given for another view.
    """
    if (options.view == "heat") != (options.class_name is not None):
        raise InvalidOptionsError("class is only for view=heat, and view=heat requires class")
    if options.class_name is not None and options.class_name not in classes:
        raise InvalidOptionsError(
            f"there is no class {options.class_name!r}", hint=f"Classes are: {', '.join(classes)}."
        )
    if options.view != "auto":
        return PNG
    return choose(accept, [JSON, PNG, NPZ], default=JSON)
