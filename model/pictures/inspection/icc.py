"""ICC profiles: what of them is left to the colour engine."""

from model.pictures import limits

_HEAD, _ENTRY = 132, 12
_FLOATS = b"mpet"
_CURVE = b"curv"


def problem(icc: bytes) -> str:
    """Tell why a profile is not used; empty: nothing here speaks against it."""
    if len(icc) > limits.MAX_PROFILE_BYTES:
        return f"has {len(icc)} bytes"
    for _, start in _tags(icc):
        if icc[start : start + 4] == _CURVE:
            count = int.from_bytes(icc[start + 8 : start + 12])
            if count > limits.MAX_CURVE_VALUES:
                return f"has a curve of {count} values"
    return ""


def integers_alone(icc: bytes) -> bytes:
    """Return a profile whose pipelines of floats a colour engine does not find.

    They may have as many steps as there are bytes, each worked through for every colour, and say
    the same as a profile's other tags, only without rounding.
    """
    hidden = bytearray(icc)
    for index, (entry, start) in enumerate(_tags(icc)):
        if icc[start : start + 4] == _FLOATS:
            hidden[entry : entry + 4] = b"hd%02d" % (index % 100)
    return bytes(hidden)


def _tags(icc: bytes) -> list[tuple[int, int]]:
    """Return, of each tag, where its entry and where its data begin."""
    count = int.from_bytes(icc[128:132])
    entries = [_HEAD + _ENTRY * index for index in range(min(count, limits.MAX_SEGMENTS))]
    return [
        (entry, int.from_bytes(icc[entry + 4 : entry + 8]))
        for entry in entries
        if entry + _ENTRY <= len(icc)
    ]
