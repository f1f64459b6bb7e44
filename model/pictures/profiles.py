"""ICC profiles of the tags by which files tell their colours without a profile."""

import functools
import struct
from collections.abc import Sequence

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from model.pictures.picture import FileMetadata

PQ, HLG = 16, 18
HDR = {PQ: "PQ", HLG: "HLG"}
"""Transfer functions of pictures that are brighter than paper white, by ITU-T H.273's numbers."""
_D65, _C, _DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
_SRGB = (*_D65, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060)
_PRIMARIES: dict[int, tuple[float, ...]] = {
    1: _SRGB,
    4: (*_C, 0.670, 0.330, 0.210, 0.710, 0.140, 0.080),
    5: (*_D65, 0.640, 0.330, 0.290, 0.600, 0.150, 0.060),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (*_DCI, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
"""White, red, green and blue as x and y, by ITU-T H.273's numbers."""
_ADOBE = (*_D65, 0.640, 0.330, 0.210, 0.710, 0.150, 0.060)
_ADOBE_GAMMA = 563 / 256
_UNSPECIFIED = 2
_LEVELS = 1024
_HDR_LEVELS = 4096
_KNEE = 0.5
"""Share of paper white above which highlights of an HDR picture are compressed."""
_PAPER_NITS, _PQ_NITS = 203.0, 10_000.0
"""Paper white by ITU-R BT.2408, and PQ's brightest value, both in candela per square metre."""
_HLG_PAPER, _HLG_GAMMA = 0.75, 1.2
"""Paper white as a value of HLG, and the exponent of a display of 1,000 nits."""


def profile_from_file(metadata: FileMetadata, space: str) -> bytes:
    """Return a profile that means what a file says of its colours; empty: sRGB, or nothing.

    Args:
        metadata: What lies beside its pixels.
        space: ``gray`` or ``rgb``.
    """
    if metadata.icc:
        return metadata.icc
    if metadata.cicp is not None:
        return profile_from_cicp(*metadata.cicp, space)
    if metadata.gamma or metadata.corners:
        corners = metadata.corners if are_valid_primaries(metadata.corners) else _SRGB
        curve = _curve(13) if not metadata.gamma else None
        exponent = 1 / metadata.gamma if metadata.gamma else 0.0
        return _made(space, corners, curve, exponent)
    return b""


def adobe_rgb() -> bytes:
    """Return the profile of Adobe RGB (1998)."""
    return _made("rgb", _ADOBE, None, _ADOBE_GAMMA)


def is_known(primaries: int, transfer: int) -> bool:
    """Whether ITU-T H.273's numbers are ones that mean something here."""
    return primaries in (*_PRIMARIES, _UNSPECIFIED) and _curve(transfer) is not None


@functools.lru_cache(maxsize=16)
def profile_from_cicp(primaries: int, transfer: int, space: str) -> bytes:
    """Return a profile of ITU-T H.273's numbers; empty: they mean nothing here.

    That of PQ and HLG leads to the picture as paper shows it: highlights are compressed.
    """
    corners, curve = _PRIMARIES.get(primaries), _curve(transfer)
    if primaries == transfer == _UNSPECIFIED or curve is None:
        return b""
    return _made(space, corners or _SRGB, curve, 0.0)


@functools.lru_cache(maxsize=8)
def grey_profile_from(icc: bytes) -> bytes:
    """Return a profile of grey that shows each level as a profile of RGB shows three equal ones."""
    levels = np.linspace(0, 65_535, _LEVELS).round().astype(np.uint16)
    xyz = imagecodecs.cms_transform(
        np.repeat(levels[None, :, None], 3, axis=2),
        icc,
        imagecodecs.cms_profile("xyz"),
        colorspace="rgb",
        outcolorspace="xyz",
        outdtype=np.float64,
        intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
    )
    light = np.maximum.accumulate(np.clip(xyz[0, :, 1], 0, 1))
    return _made("gray", _SRGB, light / max(light[-1], 1e-6), 0.0)


def are_valid_primaries(corners: Sequence[float]) -> bool:
    """Whether white, red, green and blue are such that colours can be made of them."""
    if len(corners) != 8 or min(corners[1::2]) <= 0 or max(corners) > 1:
        return False
    points = np.array(corners[2:]).reshape(3, 2)
    (across, up), (other_across, other_up) = points[1] - points[0], points[2] - points[0]
    return bool(abs(across * other_up - up * other_across) > 1e-3)


def _made(
    space: str, corners: Sequence[float], curve: NDArray[np.float64] | None, gamma: float
) -> bytes:
    table = None if curve is None else np.round(curve * 65_535).astype(np.uint16)
    white = (corners[0], corners[1], 1.0)
    options = {"gamma": gamma} if table is None else {"transferfunction": table}
    if space == "gray":
        return _undated(imagecodecs.cms_profile("gray", **options))
    points = [part for at in (2, 4, 6) for part in (corners[at], corners[at + 1], 1.0)]
    return _undated(imagecodecs.cms_profile("rgb", whitepoint=white, primaries=points, **options))


def _undated(profile: bytes) -> bytes:
    """Return a profile with a fixed date, so that equal pictures get equal answers."""
    return profile[:24] + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + profile[36:]


def _curve(transfer: int) -> NDArray[np.float64] | None:
    """Return the light of evenly spaced values in [0, 1], of paper white; None: unknown."""
    value = np.linspace(0, 1, _HDR_LEVELS if transfer in HDR else _LEVELS)
    if transfer in (_UNSPECIFIED, 13):
        return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    if transfer in (1, 6, 14, 15):
        return np.where(value < 0.081, value / 4.5, ((value + 0.099) / 1.099) ** (1 / 0.45))
    if transfer == 7:  # SMPTE ST 240
        return np.where(value < 0.0913, value / 4, ((value + 0.1115) / 1.1115) ** (1 / 0.45))
    exponents = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
    if transfer in exponents:
        return value ** exponents[transfer]
    if transfer == PQ:
        return _compressed(_pq(value) * _PQ_NITS / _PAPER_NITS)
    if transfer == HLG:
        return _compressed((_hlg(value) / _hlg(np.array(_HLG_PAPER))) ** _HLG_GAMMA)
    return None


def _pq(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return light in [0, 1] of values of PQ (ITU-R BT.2100, table 4)."""
    root = value ** (1 / 78.84375)
    ratio = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    return np.asarray(ratio ** (1 / 0.1593017578125))


def _hlg(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return light of the scene in [0, 1] of values of HLG (ITU-R BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)


def _compressed(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring light, 1 is paper white, into [0, 1]: what is below the knee stays."""
    over = np.maximum(light - _KNEE, 0) / (1 - _KNEE)
    return np.where(light <= _KNEE, light, _KNEE + (1 - _KNEE) * over / (1 + over))
