"""ICC profiles: from a file's colours to sRGB for the model, and back.

The way back adds to the file's own pixels what the model changed. So what it left alone is exactly
as it was, and colours that sRGB has not are not lost (docs/decisions/0008).
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import imagecodecs
import numpy as np

from model.pictures import profiles
from model.pictures.inspection.icc import integers_alone
from model.pictures.inspection.icc import problem as icc_problem
from model.pictures.picture import FileMetadata, Picture, Pixels

Space = Literal["gray", "rgb", "cmyk"]

_SRGB_TOLERANCE = 2
_BAND_PIXELS, _FORMULA_PIXELS = 2**21, 2**18
_SPACES: dict[bytes, Space] = {b"GRAY": "gray", b"RGB ": "rgb", b"CMYK": "cmyk"}
CHANNELS: dict[Space, int] = {"gray": 1, "rgb": 3, "cmyk": 4}
"""Channels of each space."""
_PROBE_LEVELS: dict[Space, int] = {"gray": 256, "rgb": 9, "cmyk": 2}


@dataclass(frozen=True)
class Colours:
    """A picture's pixels for the model, and what leads back from them.

    Attributes:
        rgb: Shape (H, W, 3), sRGB.
        own: Shape (H, W, 1 or 3), in the colours of ``icc``; None where those are sRGB.
        icc: Profile to carry over; empty: none.
        hdr: Numbers of the file's colours if it is HDR, to carry over; None: it is not, or they
            are not carried over.
        grey: Whether the picture is grey.
        notices: What the caller should know.
    """

    rgb: Pixels
    own: Pixels | None = None
    icc: bytes = b""
    hdr: tuple[int, int] | None = None
    grey: bool = False
    notices: tuple[str, ...] = ()


def for_model(values: Pixels, space: Space, metadata: FileMetadata, *, strip: bool) -> Colours:
    """Bring a file's pixels to sRGB.

    Args:
        values: Shape (H, W, C) with C = 1 of grey, 3 of RGB, 4 of CMYK (0 is no ink).
        space: What the channels are.
        metadata: What the file says of its colours.
        strip: Whether the profile goes away, so that the answer is sRGB too.
    """
    icc = profiles.profile_from_file(metadata, space)
    if space == "rgb" and icc[16:20] == b"GRAY" and _is_neutral(values):
        values, space = np.ascontiguousarray(values[:, :, :1]), "gray"
    problem = _problem(icc, space)
    told = (f"the colour profile {problem}: left out",) if problem else ()
    made = _converted(values, space, b"" if problem else icc, strip=strip)
    if made.own is None and not metadata.icc:
        made = replace(made, icc=b"")  # the file has none either
    hdr, words = _hdr(metadata, made)
    notices = (*told, *words, *made.notices)
    return replace(made, hdr=hdr, grey=space == "gray", notices=notices)


def _hdr(metadata: FileMetadata, made: Colours) -> tuple[tuple[int, int] | None, tuple[str, ...]]:
    """Return the numbers of an HDR picture if it stays one, and what the caller should know."""
    if metadata.icc or metadata.cicp is None:
        return None, ()
    if not profiles.is_known(*metadata.cicp):
        primaries, transfer = metadata.cicp
        return None, (f"colours of the kinds {primaries} and {transfer} are taken for sRGB",)
    name = profiles.HDR.get(metadata.cicp[1])
    if name is None:
        return None, ()
    if made.own is None:
        return None, (f"the picture was HDR ({name}): it was converted to SDR",)
    return metadata.cicp, (f"the picture is HDR ({name}): it was restored as it looks in SDR",)


def _converted(values: Pixels, space: Space, icc: bytes, *, strip: bool) -> Colours:
    if not icc:
        if space == "cmyk":
            return Colours(_plain_rgb(values), notices=(_PLAIN_CMYK,))
        return Colours(_three(values))
    if _judged(icc) == "srgb":
        fits = space != "gray" or _SPACES[icc[16:20]] == "gray"
        return Colours(_three(values), icc=icc if fits and not strip else b"")
    if space == "gray" and _SPACES[icc[16:20]] == "rgb":
        icc = profiles.grey_profile_from(icc)
    rgb = _transformed(values, icc, _srgb(), to_srgb=True)
    if space == "gray":
        rgb = _three(_one(rgb))  # a profile of RGB may put neutral colours a level apart
    if space == "cmyk":
        return Colours(rgb, notices=("CMYK was converted to sRGB by its profile",))
    return Colours(rgb) if strip else Colours(rgb, values, icc)


def _is_neutral(values: Pixels) -> bool:
    """Whether red, green and blue are equal everywhere."""
    return all(
        (values[rows, :, :1] == values[rows, :, 1:]).all() for rows in _bands(values, _BAND_PIXELS)
    )


_PLAIN_CMYK = "CMYK without a profile was converted by the plain formula"


def in_srgb(picture: Picture, restored: Pixels) -> Pixels:
    """Return restored sRGB pixels, (H, W, 1) if the picture is grey, else (H, W, 3)."""
    return _one(restored) if picture.grey else restored


def in_own_colours(picture: Picture, restored: Pixels) -> Pixels:
    """Bring restored sRGB pixels to the colours of the file.

    Args:
        picture: The input.
        restored: Shape (H, W, 3), of the type of ``picture.rgb``.

    Returns:
        Shape (H, W, 1) if the picture is grey, else (H, W, 3).
    """
    if picture.own is None:
        return in_srgb(picture, restored)
    if restored is picture.rgb:
        return picture.own
    if picture.grey:
        restored = _three(_one(restored))
    out = np.empty_like(picture.own)
    wide, own_type = (cv2.CV_16S, cv2.CV_8U) if out.dtype == np.uint8 else (cv2.CV_32S, cv2.CV_16U)
    for rows in _bands(out):
        both = np.concatenate([picture.rgb[rows], restored[rows]])  # a transform is dear to make
        before, after = np.split(_transformed(both, _srgb(), picture.icc, to_srgb=False), 2)
        channels = out.shape[2]
        change = cv2.subtract(after[:, :, :channels], before[:, :, :channels], dtype=wide)
        moved = cv2.add(picture.own[rows], change, dtype=own_type)  # clamps
        out[rows] = moved.reshape(out[rows].shape)
    return out


def _problem(icc: bytes, space: Space) -> str:
    """Tell why a profile cannot be used; empty: it can, or there is none."""
    if not icc:
        return ""
    if found := icc_problem(icc):
        return found
    described = _SPACES.get(icc[16:20])
    if described != space and not (described == "rgb" and space == "gray"):
        return "is for other colours than the file's"
    return "cannot be used" if _judged(icc) == "unusable" else ""


@functools.lru_cache(maxsize=8)
def _judged(icc: bytes) -> Literal["unusable", "srgb", "other"]:
    """Judge a profile by what it does; sRGB is what 8 bits can hardly tell from it."""
    space = _SPACES[icc[16:20]]
    levels = np.linspace(0, 255, _PROBE_LEVELS[space]).astype(np.uint8)
    grid = np.meshgrid(*[levels] * CHANNELS[space], indexing="ij")
    probe = np.stack(grid, axis=-1).reshape(1, -1, CHANNELS[space])
    try:
        there = _transformed(probe, icc, _srgb(), to_srgb=True)
        if space == "cmyk":
            return "other"
        _transformed(there, _srgb(), icc, to_srgb=False)
    except (imagecodecs.CmsError, ValueError):
        return "unusable"
    off = np.abs(there.astype(np.int32) - probe).max()
    return "srgb" if off <= _SRGB_TOLERANCE else "other"


@functools.cache
def _srgb() -> bytes:
    return imagecodecs.cms_profile("srgb")


def _transformed(values: Pixels, profile: bytes, target: bytes, *, to_srgb: bool) -> Pixels:
    """Convert (H, W, C) from ``profile`` to ``target``, a band at a time."""
    space, wanted = _SPACES[profile[16:20]], _SPACES[target[16:20]]
    profile, target = integers_alone(profile), integers_alone(target)
    channels = 3 if to_srgb else CHANNELS[wanted]
    out = np.empty((*values.shape[:2], channels), values.dtype)
    for rows in _bands(values):
        band = _three(values[rows]) if space == "rgb" else values[rows]
        made = imagecodecs.cms_transform(
            np.ascontiguousarray(band if space != "gray" else band[:, :, 0]),
            profile,
            target,
            colorspace=space,
            outcolorspace=wanted,
            intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            flags=imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
        )
        out[rows] = made.reshape(out[rows].shape)
    return out


def _bands(values: Pixels, pixels: int = _BAND_PIXELS) -> Iterator[slice]:
    height, width = values.shape[:2]
    step = max(1, pixels // width)
    return (slice(top, top + step) for top in range(0, height, step))


def _three(values: Pixels) -> Pixels:
    return np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values


def _one(rgb: Pixels) -> Pixels:
    """Weigh RGB to grey, (H, W, 3) -> (H, W, 1); equal channels keep their value."""
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(rgb.dtype, copy=False)[:, :, None]


def _plain_rgb(values: Pixels) -> Pixels:
    """Convert CMYK (H, W, 4) as light that no ink takes: ``(1 - c)(1 - k)``."""
    full = int(np.iinfo(values.dtype).max)
    out = np.empty((*values.shape[:2], 3), values.dtype)
    for rows in _bands(values, _FORMULA_PIXELS):
        light = full - values[rows].astype(np.uint32)
        out[rows] = (light[:, :, :3] * light[:, :, 3:] + full // 2) // full
    return out
