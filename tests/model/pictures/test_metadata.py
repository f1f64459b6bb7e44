import io
import subprocess
import sys
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from model.pictures import ENCODINGS, decode, encode
from tools.picture_files import (
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

ENTITIES = "<!DOCTYPE x [<!ENTITY a 'b'>]><x b='&a;'>&a;</x>"
COSTLY = {
    "many places after much else": b"<x>" + b"<b/>" * 90_000 + b"<gps/>" * 90_000 + b"</x>",
    "as many elements as are read": b"<x>" + b"<b/>" * 24_000 + b"<gps/>" * 24_000 + b"</x>",
    "many attributes": b"<x " + b" ".join(b"gps%d='1'" % i for i in range(80_000)) + b"/>",
    "small elements": b"<x>" + b"<a/>" * 250_000 + b"</x>",
    "references": b"<x gps='1'>" + b"&lt;" * 250_000 + b"</x>",
    "comments": b"<x gps='1'>" + b"<!---->" * 140_000 + b"</x>",
}
"""Packets of up to 1 MiB."""
MEASURE = """
import resource, sys, time
from model.pictures import decode
data = sys.stdin.buffer.read()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, began = peak(), time.process_time()
assert not b"gps" in decode(data, metadata="no-gps").xmp
print(time.process_time() - began, peak() - before)
"""
"""Prints the processor's seconds and the MiB that a picture took."""

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
        b"<x>" + b"<y/>" * 60_000 + b"</x>",
        *(ENTITIES.encode(encoding) for encoding in ("utf-16", "utf-16-be", "utf-16-le")),
        ENTITIES.replace("<!D", "<?xml version='1.0' encoding='utf-16'?><!D").encode("utf-16"),
    ],
    ids=["malformed", "entities", "deep", "large", "many", "16", "16be", "16le", "declared 16"],
)
@pytest.mark.parametrize("metadata", ["keep", "no-gps"])
def test_a_packet_that_cannot_be_cleaned_is_left_out_and_said(packet, metadata):
    picture = decode(file_of(waves(), "WEBP", xmp=packet), metadata=metadata)
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


@pytest.mark.parametrize("packet", COSTLY)
def test_no_packet_costs_more_than_two_seconds_and_64_mib(packet):
    data = file_of(waves(), "WEBP", xmp=COSTLY[packet])
    command = [sys.executable, "-c", MEASURE]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=True)
    seconds, mebibytes = map(float, done.stdout.split())
    assert (seconds < 2, mebibytes < 64) == (True, True), done.stdout


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_a_packet_in_another_encoding_is_cleaned_too(encoding):
    packet = XMP.decode().encode(encoding)
    kept = decode(file_of(waves(), "WEBP", xmp=packet), metadata="no-gps").xmp.decode()
    assert "gps" not in kept.lower()
    assert 'tiff:Orientation="1"' in kept
    assert "<xmp:Label>mine</xmp:Label>" in kept


def test_a_cleaned_packet_says_otherwise_what_it_said():
    packet = (
        b"<?xpacket begin='' id='W5M0'?><!-- a -->"
        b"<x:y xmlns:x='u' x:b='&lt;&quot;&apos;&#10;&amp;'>"
        b"<x:gpsTag><x:c>gone</x:c></x:gpsTag>a &lt; &amp; <![CDATA[<b>]]><x:d/>"
        b"<tiff:Orientation xmlns:tiff='t'>6</tiff:Orientation></x:y><?xpacket end='w'?>"
    )
    kept = decode(file_of(waves(), "WEBP", xmp=packet), metadata="no-gps").xmp
    root = ElementTree.fromstring(kept)
    assert root.attrib == {"{u}b": "<\"'\n&"}
    assert "".join(root.itertext()) == "a < & <b>1"
    assert [one.tag for one in root] == ["{u}d", "{t}Orientation"]
    assert kept.startswith(b"<?xpacket begin='' id='W5M0'?><!-- a -->")
    assert kept.endswith(b"<?xpacket end='w'?>")
