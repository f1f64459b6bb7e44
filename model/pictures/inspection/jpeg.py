"""JPEG: its segments and scans, walked before a decoder sees them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from model.pictures import limits
from model.pictures.errors import (
    BrokenPictureError,
    OversizedPictureError,
    UnsupportedPictureError,
)
from model.pictures.picture import Header

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # these are tables
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_LONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
EOI, SOS, COMMENT = 0xD9, 0xDA, 0xFE
_APPLICATIONS = range(0xE0, 0xF0)
_FILL = re.compile(rb"\xff+")
_BLOCK = 2**18
_COPIES = 4
"""Copies of metadata that are made at most."""
_PIXELS_OF_A_BYTE = 256
"""Pixels that a byte of a scan tells at most: four blocks, each of a bit for its mean and one for
its end."""
_LEAST_SHARE = 16
"""A file that is cut off is read if it can hold this part of its pixels."""
_COEFFICIENT = 2
"""Bytes of a coefficient. A decoder holds all of them if there are several scans."""
_KEPT = {(0xE0, b"JFIF"): 1, (0xEE, b"Adobe"): 1}
"""Segments that a decoder may see beside those of the pixels, and how many of each."""


class Segment(NamedTuple):
    """A segment: its marker's second byte, where the marker begins, and where its data lie."""

    marker: int
    begin: int
    start: int
    end: int


SOI = Segment(0xD8, 0, 2, 2)
"""The mark that a file begins with."""


def inspect(data: bytes) -> Header:
    """Read the size, and check that there are no more segments and scans than allowed.

    Raises:
        BrokenPictureError: If there is no frame before the first scan, or there are several.
        UnsupportedPictureError: If the frame is of a kind that isn't read.
        OversizedPictureError: If there is too much of something.
    """
    frames: list[Segment] = []
    scans, partial, beside, coded, last = 0, False, 0, 0, SOI
    for segment in segments(data):
        last = segment
        if segment.marker in _FRAMES:
            frames.append(segment)
        elif segment.marker == SOS:
            scans, coded = scans + 1, coded or len(data) - segment.end
            partial |= bool(frames) and data[segment.start] < _samples(data, frames[0])
            _check_scans(data, scans, frames)
        else:
            beside += segment.end - segment.start
    if len(frames) != 1:
        raise BrokenPictureError(f"the JPEG has {len(frames)} headers of a frame instead of one")
    header = _header(data, frames[0])
    whole = partial or scans > 1 or frames[0].marker in _PROGRESSIVE
    coefficients = _COEFFICIENT * header.samples * header.pixels * whole
    cut = last.marker != EOI
    if cut or not scans:
        _check_held(header, coded)
    copies = _COPIES * beside + len(data) * cut
    return replace(header, workspace=coefficients + copies, cut=cut)


def _check_held(header: Header, coded: int) -> None:
    """Refuse a file that is cut off before a line of its picture, or before nearly all of it."""
    held = coded * _PIXELS_OF_A_BYTE
    if held < 8 * header.width or held < header.pixels // _LEAST_SHARE:
        raise BrokenPictureError("the JPEG is cut off before its picture begins")


def segments(data: bytes) -> Iterator[Segment]:
    """Give the segments up to the picture's end mark, or to where the file is cut off.

    Raises:
        BrokenPictureError: If a segment's length is impossible.
        OversizedPictureError: If there are too many segments, or too many bytes between them.
    """
    at, count, fill = 2, 0, 0
    while (begin := _marker_at(data, at, fill)) is not None:
        if data[begin + 1] == EOI:
            yield Segment(EOI, begin, begin + 2, begin + 2)
            return
        fill += begin - at
        marker, at = data[begin + 1], begin + 2
        if marker in _LONE:
            fill += 2
            continue
        count += marker != SOS
        if count > limits.MAX_SEGMENTS:
            raise OversizedPictureError(
                f"the JPEG has more than {limits.MAX_SEGMENTS} segments", hint=_HINT
            )
        size = _length(data, at)
        if at + size > len(data):
            return
        yield Segment(marker, begin, at + 2, at + size)
        at += size
        if marker == SOS:
            at = _end_of_scan(data, at)


def _length(data: bytes, at: int) -> int:
    """Return the length field of a segment.

    If the file ends before the field, return 2, the length of an empty segment.
    """
    size = int.from_bytes(data[at : at + 2]) if at + 2 <= len(data) else 2
    if size < 2:
        raise BrokenPictureError("a segment of the JPEG has no length")
    return size


def without_excess_metadata(data: bytes) -> bytes:
    """Return the file with the segments that decoding needs, and metadata within limits."""
    room, parts, dropped = dict(_KEPT), [data[:2]], False
    for segment in segments(data):
        if segment.marker == SOS and dropped:
            return b"".join((*parts, memoryview(data)[segment.begin :]))
        if segment.marker == SOS:
            break
        if segment.marker in _APPLICATIONS or segment.marker == COMMENT:
            kind = _kind(data, segment)
            if not room.get(kind, 0):
                dropped = True
                continue
            room[kind] -= 1
        parts.append(data[segment.begin : segment.end])
    return data


def with_end_marker(data: bytes) -> bytes:
    """Return a file that is cut off up to there, with an end mark; any other one as it is."""
    end, last = 2, SOI
    for last in segments(data):
        end = _end_of_scan(data, last.end) if last.marker == SOS else last.end
    return data if last.marker == EOI else data[:end] + b"\xff" + bytes([EOI])


def end_of(data: bytes) -> int:
    """Return where the file's picture ends, or where it is cut off."""
    end = len(data)
    for segment in segments(data):
        end = segment.end if segment.marker == EOI else len(data)
    return end


_HINT = "Save the picture again without its metadata, or with fewer scans."


def _kind(data: bytes, segment: Segment) -> tuple[int, bytes]:
    for marker, name in _KEPT:
        if marker == segment.marker and data.startswith(name, segment.start, segment.end):
            return marker, name
    return segment.marker, b""


def _marker_at(data: bytes, at: int, fill: int) -> int | None:
    """Return where the next marker's last 0xFF stands; None: there is none."""
    end = at + limits.MAX_FILL_BYTES - fill + 1
    while (found := data.find(b"\xff", at, end)) >= 0:
        run = _FILL.match(data, found, end)
        after = run.end() if run else found + 1
        if after >= end:
            break
        if after >= len(data):
            return None
        if data[after]:
            return after - 1
        at = after + 1  # an escaped 0xFF, which is no marker
    if end < len(data):
        raise OversizedPictureError(
            f"the JPEG has more than {limits.MAX_FILL_BYTES} bytes between its segments",
            hint=_HINT,
        )
    return None


def _end_of_scan(data: bytes, at: int) -> int:
    """Return where the first marker after a scan's data stands, or the file ends."""
    while at < len(data) - 1:
        block = np.frombuffer(data, np.uint8, min(_BLOCK, len(data) - at), at)
        begins = np.flatnonzero(block[:-1] == 0xFF)
        seconds = block[begins + 1]
        restarts = (seconds >= 0xD0) & (seconds <= 0xD7)
        ends = begins[(seconds != 0) & (seconds != 0xFF) & ~restarts]
        if ends.size:
            return at + int(ends[0])
        at += block.size - 1
    return len(data)


def _check_scans(data: bytes, scans: int, frames: list[Segment]) -> None:
    pixels = _header(data, frames[0]).pixels if frames else 0
    if scans > limits.MAX_SCANS or scans * pixels > limits.MAX_SCAN_PIXELS:
        raise OversizedPictureError(
            f"the JPEG of {pixels} pixels has more than {scans - 1} scans", hint=_HINT
        )


def _samples(data: bytes, frame: Segment) -> int:
    return data[frame.start + 5] if frame.end - frame.start > 5 else 0


def _header(data: bytes, frame: Segment) -> Header:
    bits, samples = data[frame.start] if frame.end > frame.start else 0, _samples(data, frame)
    if samples not in (1, 3, 4) or bits != 8:
        raise UnsupportedPictureError(
            f"JPEGs of {bits} bits and {samples} channels are not read",
            hint="Save it with 8 bits, as grey, RGB or CMYK.",
        )
    height, width = (int.from_bytes(data[frame.start + at : frame.start + at + 2]) for at in (1, 3))
    return Header("JPEG", width, height, samples=samples)
