"""Content negotiation: which of our types a request's ``Accept`` wants most."""

from collections.abc import Sequence

from service.errors import NotAcceptableError

ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/jfif": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-webp": "image/webp",
    "image/x-avif": "image/avif",
    "image/x-jxl": "image/jxl",
    "text/json": "application/json",
    "application/npy": "application/x-npy",
    "application/x-numpy": "application/x-npy",
    "application/npz": "application/x-npz",
}
"""Names that callers write for media types, and the registered or usual ones."""


def accepted(accept: str) -> dict[str, float]:
    """Parse an ``Accept`` header into media ranges and their quality in [0, 1]."""
    ranges: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        name = ALIASES.get(name, name)
        if name:
            ranges[name] = max(ranges.get(name, 0.0), _quality(parameters))
    return ranges or {"*/*": 1.0}


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


def quality(ranges: dict[str, float], media_type: str) -> float:
    """Return how much ``media_type`` is wanted; the most specific range decides."""
    family = media_type.split("/")[0] + "/*"
    for name in (media_type, family, "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0


def choose(accept: str, offered: Sequence[str], *, default: str) -> str:
    """Return the offered media type that is wanted most.

    Args:
        accept: The request's header; empty: anything.
        offered: What we can answer with, best first.
        default: Taken when nothing offered is named outright and ``default`` is not excluded.

    Raises:
        NotAcceptableError: If none of ``offered`` is wanted.
    """
    ranges = accepted(accept)
    named = any(ranges.get(media_type, 0.0) > 0 for media_type in offered)
    if not named and quality(ranges, default) > 0:
        return default
    order = sorted(offered, key=lambda media_type: media_type != default)
    best = max(order, key=lambda media_type: quality(ranges, media_type))
    if quality(ranges, best) == 0:
        raise NotAcceptableError(f"{accept!r} accepts none of {', '.join(offered)}")
    return best
