import io
import zlib

import numpy as np
import pytest
from PIL import Image

from model.pictures import ENCODINGS, decode, encode
from tests.kinds import (
    EXIF,
    GPS,
    MAKE,
    ORIENTATION,
    XMP,
    exif_block,
    file_of,
    profile,
    read_exif,
    tiff_of,
    waves,
)

KINDS = ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"]


def sent(kind, **options):
    if kind == "PNG":
        plain = file_of(waves(), exif=exif_block(6), **options)
        packet = b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + XMP
        checksum = zlib.crc32(packet).to_bytes(4, "big")
        return plain[:33] + (len(packet) - 4).to_bytes(4, "big") + packet + checksum + plain[33:]
    if kind == "TIFF":
        tags = read_exif(exif_block(6))
        tags[700] = XMP
        return file_of(waves(), kind, exif=tags, **options)
    return file_of(waves(), kind, exif=exif_block(6), xmp=XMP, **options)


def came_back(data, name, metadata):
    picture = decode(data, metadata=metadata)
    body, _ = encode(picture, picture.rgb, ENCODINGS[name], quality=92)
    with Image.open(io.BytesIO(body)) as image:
        return image.getexif(), image.info.get("xmp", b"")


@pytest.mark.parametrize("kind", KINDS)
def test_exif_is_kept_upright(kind):
    exif = read_exif(decode(sent(kind)).exif)
    assert exif[MAKE] == "maker"
    assert exif.get(ORIENTATION, 1) == 1
    assert exif.get_ifd(EXIF)[0x9003] == "2026:11:23 10:00:00"
    assert exif.get_ifd(EXIF)[0x927C] == b"note"
    assert exif.get_ifd(GPS)[2] == (48.0, 8.0, 12.0)


def test_the_size_in_exif_is_that_of_the_upright_picture():
    exif = read_exif(decode(sent("JPEG")).exif)
    assert (exif.get_ifd(EXIF)[0xA002], exif.get_ifd(EXIF)[0xA003]) == (48, 64)


@pytest.mark.parametrize("kind", KINDS)
def test_xmp_is_kept_upright(kind):
    packet = decode(sent(kind)).xmp
    assert b'tiff:Orientation="6"' not in packet
    assert b'xmp:Rating="5"' in packet
    assert b"<xmp:Label>mine</xmp:Label>" in packet
    assert b"GPSLatitude" in packet


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif", "tiff"])
def test_no_gps_leaves_the_place_out_and_keeps_the_rest(kind, name):
    exif, packet = came_back(sent(kind), name, "no-gps")
    assert exif[MAKE] == "maker"
    assert not exif.get_ifd(GPS)
    assert b"gps" not in packet.lower()
    assert b"mine" in packet


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif", "tiff"])
def test_strip_leaves_nothing(kind, name):
    data = sent(kind, icc_profile=profile("sRGB"))
    picture = decode(data, metadata="strip")
    assert (picture.exif, picture.xmp, picture.icc) == (b"", b"", b"")
    exif, packet = came_back(data, name, "strip")
    assert MAKE not in exif
    assert not exif.get_ifd(GPS)
    assert packet == b""


def test_a_packet_that_needs_no_change_is_kept_byte_for_byte():
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'  >  odd   spaces </x:xmpmeta>\n\n"
    assert decode(file_of(waves(), "WEBP", xmp=packet)).xmp == packet


@pytest.mark.parametrize(
    "packet",
    [
        b"<x:xmpmeta exif:GPSLatitude='1'",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><x a='&a;'/>",
        b"<x>" * 5000 + b"</x>" * 5000,
        b"<x xmlns:tiff='t' tiff:Orientation='6'>" + b"y" * 2**20 + b"</x>",
    ],
    ids=["malformed", "entities", "deep", "large"],
)
def test_a_packet_that_cannot_be_cleaned_is_left_out_and_said(packet):
    picture = decode(file_of(waves(), "WEBP", xmp=packet), metadata="no-gps")
    assert picture.xmp == b""
    assert "XMP" in picture.notices[0]


def test_a_thumbnail_is_gone():
    thumbnail = file_of(waves(12, 16), "JPEG")
    block = bytearray(exif_block())
    with Image.open(io.BytesIO(file_of(waves(), "JPEG", exif=bytes(block) + thumbnail))) as image:
        assert thumbnail in image.info["exif"]
        body = io.BytesIO()
        image.save(body, "JPEG", exif=image.info["exif"])
    assert thumbnail not in decode(body.getvalue()).exif


def test_the_layout_of_a_tiff_does_not_become_exif():
    deep = waves(dtype=np.uint16)
    maker = (MAKE, 2, 0, "maker", True)
    exif = read_exif(decode(tiff_of(deep, photometric="rgb", extratags=[maker])).exif)
    assert exif[MAKE] == "maker"
    assert {0x100, 0x101, 0x102, 0x111, 0x117} & set(exif) == set()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("seed", range(20))
def test_malformed_exif_never_costs_the_picture(kind, seed):
    rng = np.random.default_rng(seed)
    block = bytearray(exif_block())
    for _ in range(1 + seed):
        block[int(rng.integers(6, len(block)))] = int(rng.integers(256))
    picture = decode(file_of(waves(), kind, exif=bytes(block)))
    assert sorted(picture.rgb.shape) == [3, 48, 64]
