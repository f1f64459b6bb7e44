"""What a file says that it holds besides its picture: claims are kept only where they stay true."""

import hashlib
import struct

import pytest

from model.pictures import decode
from tests.model.pictures.rewriting import written
from tools.hostile_files.jpeg import segment
from tools.odd_files import PATCHES, jpeg_of, xmp_of, xmp_part
from tools.picture_files import file_of

GAIN = 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
OTHER_PREFIX = 'xmlns:g="http://ns.adobe.com/hdr-gain-map/1.0/" g:Version="1.0"'
MOVING = 'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1"'
OLD_MOVING = 'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MicroVideo="1"'
LISTED = (
    '<C:Directory xmlns:C="http://ns.google.com/photos/1.0/container/" '
    'xmlns:I="http://ns.google.com/photos/1.0/container/item/"><rdf:Seq><rdf:li '
    'rdf:parseType="Resource"><C:Item I:Semantic="{}" I:Length="9"/></rdf:li></rdf:Seq>'
    "</C:Directory>"
)


@pytest.mark.parametrize(
    ("attributes", "inside", "word"),
    [
        (GAIN, "", "gain map"),
        (OTHER_PREFIX, "", "gain map"),
        ("", LISTED.format("GainMap"), "gain map"),
        (MOVING, "", "video"),
        (OLD_MOVING, "", "video"),
        ("", LISTED.format("MotionPhoto"), "video"),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_xmp_does_not_claim_parts_that_are_gone(attributes, inside, word, kind):
    mine = 'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Label="mine" '
    packet = xmp_of(mine + attributes, inside)
    data = (
        jpeg_of(PATCHES, xmp_part(packet)) if kind == "JPEG" else file_of(PATCHES, kind, xmp=packet)
    )
    picture = decode(data)
    assert any(word in notice for notice in picture.notices)
    for claim in (b"hdr-gain-map", b"Motion", b"MicroVideo", b"Directory", b"Item", b":Version"):
        assert claim not in picture.xmp
    assert b'xmp:Label="mine"' in picture.xmp


def test_a_gain_map_of_iso_21496_is_named():
    part = segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))
    assert "gain map" in decode(jpeg_of(PATCHES, part)).notices[0]


def test_a_video_behind_a_jpeg_is_named():
    video = struct.pack(">I4s4sI", 16, b"ftyp", b"mp42", 0) + bytes(100)
    for tail in (video, b"MotionPhoto_Data" + video):
        assert "video" in decode(jpeg_of(PATCHES) + tail).notices[0]
    assert decode(jpeg_of(PATCHES) + bytes(100)).notices == ()


def extended(far, guid=None, size=None, gap=0):
    guid = guid or hashlib.md5(far, usedforsecurity=False).hexdigest().upper().encode()
    note = 'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="%s"'
    near = xmp_of(note % guid.decode())
    half = len(far) // 2
    parts = [xmp_part(near)]
    for at, piece in ((0, far[:half]), (half, far[half + gap :])):
        head = guid + struct.pack(">II", size or len(far), at)
        parts.append(segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + head + piece))
    return jpeg_of(PATCHES, *parts)


FAR = xmp_of(
    'xmlns:GImage="http://ns.google.com/photos/1.0/image/" GImage:Data="%s"' % ("abcd" * 999)
)


def test_extended_xmp_becomes_part_of_the_packet():
    picture = decode(extended(FAR))
    assert picture.notices == ()
    assert b"HasExtendedXMP" not in picture.xmp
    assert b"abcd" * 999 in picture.xmp
    assert decode(written(extended(FAR))[0]).xmp == picture.xmp


def test_extended_xmp_with_prefixes_declared_outside_is_understood():
    far = FAR.replace(b'xmlns:GImage="http://ns.google.com/photos/1.0/image/" ', b"").replace(
        b"<rdf:RDF ", b'<rdf:RDF xmlns:GImage="http://ns.google.com/photos/1.0/image/" '
    )
    assert b"abcd" in decode(extended(far)).xmp
    assert decode(written(extended(far))[0]).notices == ()


@pytest.mark.parametrize(
    "data",
    [extended(FAR, size=9), extended(FAR, gap=3), extended(b"<broken" * 20)],
    ids=["another size", "a gap", "malformed"],
)
def test_extended_xmp_that_is_incomplete_is_named_and_not_claimed(data):
    picture = decode(data)
    assert "extension of the XMP" in picture.notices[0]
    assert b"HasExtendedXMP" not in picture.xmp


def test_long_xmp_is_written_as_an_extension():
    packet = xmp_of('xmlns:a="b" a:c="%s"' % ("xyz " * 40_000))
    body, notices = written(file_of(PATCHES, "WEBP", xmp=packet))
    assert notices == ()
    again = decode(body)
    assert again.notices == ()
    assert b"xyz " * 40_000 in again.xmp


def index_of(count):
    """The index of a JPEG of several pictures (CIPA DC-007)."""
    tags = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, count)
    return segment(0xE2, b"MPF\0II*\0" + struct.pack("<IH", 8, 2) + tags + bytes(4))


def test_a_jpeg_of_several_pictures_says_so():
    assert "several pictures" in decode(jpeg_of(PATCHES, index_of(2)) + jpeg_of(PATCHES)).notices[0]
    assert decode(jpeg_of(PATCHES, index_of(1))).notices == ()
    assert decode(jpeg_of(PATCHES, segment(0xE2, b"MPF\0II*\0" + bytes(9)))).notices == ()
    both = decode(jpeg_of(PATCHES, index_of(2), xmp_part(xmp_of(GAIN))) + jpeg_of(PATCHES))
    assert len(both.notices) == 1
    assert "gain map" in both.notices[0]
