"""Durations as callers write them in a header."""

import math
import re

_UNITS = {
    "": 1.0,
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
}
_DURATION = re.compile(r"\s*(\S*?)\s*([a-z]*)\s*", re.IGNORECASE)
_MAX_LENGTH = 40


def seconds_of(text: str) -> float | None:
    """Return the seconds that ``text`` means, such as 5, 2.5, ``5s``, ``500 ms`` or ``2m``.

    Returns:
        A number above 0, which may be infinite; None if the text means none.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = _with_unit(text)
    return seconds if seconds > 0 else None


def _with_unit(text: str) -> float:
    found = _DURATION.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    unit = None if found is None else _UNITS.get(found[2].lower())
    if found is None or unit is None:
        return math.nan
    try:
        return float(found[1]) * unit
    except ValueError:
        return math.nan
