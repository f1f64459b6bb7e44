"""What lies beside the pixels of files of cameras and newsrooms, and what becomes of it."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageFile, IptcImagePlugin

from model.pictures import decode, profiles
from tests.model.pictures.rewriting import written
from tools.hostile_files.jpeg import segment
from tools.odd_files import (
    AUTHOR,
    CAPTION,
    COPYRIGHT,
    PATCHES,
    PLACES,
    camera_exif,
    chunks_of,
    exif_part,
    iptc_part,
    iptc_records,
    jpeg_of,
    opened,
    png_of,
    tags_of,
    xmp_of,
    xmp_part,
)
from tools.picture_files import XMP, exif_block, file_of, tiff_of

EXIF, INTEROP = 0x8769, 0xA005
TEXTS = {"Author": AUTHOR, "Copyright": COPYRIGHT, "Description": CAPTION}
DENSE = ("jpeg", "png", "webp", "avif", "tiff", "bmp")


def exif_in(body):
    return opened(body).info["exif"].removeprefix(b"Exif\0\0")


def iptc_in(body):
    image = opened(body)
    assert isinstance(image, ImageFile.ImageFile)
    return IptcImagePlugin.getiptcinfo(image) or {}


def texts_in(body):
    return getattr(opened(body), "text")  # noqa: B009 - only a PNG has it


def dpi_of(body):
    image = opened(body)
    if "dpi" in image.info:
        return tuple(float(value) for value in image.info["dpi"])
    tags = image.getexif()
    return float(tags[282]), float(tags[283])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["jpeg", "png", "webp"])
def test_exif_keeps_its_tags_their_types_and_its_interoperability(order, name):
    block = camera_exif("R98", 1, order)
    body, notices = written(jpeg_of(PATCHES, exif_part(block)), name)
    assert notices == ()
    assert tags_of(exif_in(body)) == tags_of(block)


@pytest.mark.parametrize("name", ["avif", "tiff"])
def test_interoperability_is_kept_in_the_other_formats_too(name):
    body, _ = written(jpeg_of(PATCHES, exif_part(camera_exif("R98"))), name)
    exif = Image.Exif()
    exif.load_from_fp(io.BytesIO(body)) if name == "tiff" else exif.load(exif_in(body))
    assert exif.get_ifd(INTEROP)[1] == "R98"


def test_tags_that_lead_nowhere_are_left_out():
    block = bytearray(camera_exif("R98"))
    pointer = block.index(struct.pack("<HHI", INTEROP, 4, 1)) + 8
    block[pointer : pointer + 4] = struct.pack("<I", 60_000)
    body, _ = written(jpeg_of(PATCHES, exif_part(bytes(block))))
    kept = tags_of(exif_in(body))
    assert (EXIF, 0x829A) in kept
    assert not any(INTEROP in path for path in kept)


@pytest.mark.parametrize("name", DENSE)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
def test_dots_per_inch_are_kept(kind, name):
    body, _ = written(file_of(PATCHES, kind, dpi=(300, 150)), name)
    assert dpi_of(body) == pytest.approx((300, 150), abs=0.2)


def test_dots_per_centimetre_and_per_metre_are_dots_per_inch():
    plain = file_of(PATCHES, "JPEG")
    metric = plain[:13] + struct.pack(">BHH", 2, 118, 118) + plain[18:]
    assert dpi_of(written(metric)[0]) == pytest.approx((300, 300), abs=1)
    png = png_of(PATCHES, (b"pHYs", struct.pack(">IIB", 11_811, 11_811, 1)))
    assert dpi_of(written(png)[0]) == pytest.approx((300, 300), abs=1)


def test_a_density_without_a_unit_is_none():
    png = png_of(PATCHES, (b"pHYs", struct.pack(">IIB", 3, 2, 0)))
    assert decode(png).density is None
    assert decode(file_of(PATCHES, "JPEG")).density is None
    assert decode(file_of(PATCHES, "JPEG", dpi=(300, 300)), metadata="strip").density is None


def texts_as(kind):
    if kind == b"tEXt":
        return [(kind, key.encode() + b"\0" + text.encode()) for key, text in TEXTS.items()]
    if kind == b"zTXt":
        return [
            (kind, key.encode() + b"\0\0" + zlib.compress(text.encode()))
            for key, text in TEXTS.items()
        ]
    return [(kind, key.encode() + b"\0\0\0\0\0" + text.encode()) for key, text in TEXTS.items()]


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_texts_of_a_png_are_kept(kind):
    body, notices = written(png_of(PATCHES, *texts_as(kind)), "png")
    assert notices == ()
    assert texts_in(body) == TEXTS
    assert texts_in(written(png_of(PATCHES, *texts_as(kind)), "png", "strip")[0]) == {}


def test_a_text_that_latin_1_does_not_hold_is_kept():
    data = png_of(PATCHES, (b"iTXt", b"Title\0\0\0\0\0" + "Grüße, 世界".encode()))
    assert texts_in(written(data, "png")[0]) == {"Title": "Grüße, 世界"}


@pytest.mark.parametrize("name", ["jpeg", "webp", "avif", "tiff"])
def test_texts_go_into_exif_where_a_format_has_none_and_others_are_named(name):
    odd = (b"tEXt", b"param\xe9ters\0steps: 20")
    body, notices = written(png_of(PATCHES, *texts_as(b"tEXt"), odd), name)
    tags = opened(body).getexif()
    assert (tags[0x013B], tags[0x8298], tags[0x010E]) == (AUTHOR, COPYRIGHT, CAPTION)
    assert notices == (f"{name} does not hold these texts, they were left out: param?ters",)


def test_texts_of_places_are_left_out_on_demand():
    data = png_of(PATCHES, (b"tEXt", b"City\0Exampleville"), (b"tEXt", b"GPSLatitude\x0048"))
    assert texts_in(written(data, "png", "no-gps")[0]) == {}
    assert len(texts_in(written(data, "png")[0])) == 2


def test_texts_beyond_the_limits_are_left_out_and_said():
    many = png_of(PATCHES, *[(b"tEXt", b"k%d\0v" % index) for index in range(150)])
    long = png_of(PATCHES, (b"zTXt", b"k\0\0" + zlib.compress(bytes(2**21))))
    for data in (many, long):
        picture = decode(data)
        assert len(picture.texts) <= 100
        assert "text is damaged or too long" in picture.notices[0]


def test_a_comment_of_a_jpeg_is_kept():
    data = jpeg_of(PATCHES, segment(0xFE, b"made by hand"))
    assert opened(written(data)[0]).info["comment"] == b"made by hand"
    assert texts_in(written(data, "png")[0]) == {"Comment": "made by hand"}


def with_iptc(kind):
    records = iptc_records()
    if kind == "TIFF":
        return tiff_of(PATCHES, photometric="rgb", extratags=[(33723, 7, len(records), records)])
    if kind == "PNG":
        digits = records.hex().encode()
        text = b"\niptc\n%8d\n%s\n" % (len(records), digits)
        return png_of(PATCHES, (b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text)))
    return jpeg_of(PATCHES, iptc_part(records))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
@pytest.mark.parametrize("name", ["jpeg", "tiff"])
def test_iptc_is_kept_where_a_format_holds_it(kind, name):
    body, notices = written(with_iptc(kind), name)
    assert notices == ()
    assert iptc_in(body)[2, 116] == COPYRIGHT.encode()
    assert iptc_in(body)[2, 90] == PLACES[1].encode()


@pytest.mark.parametrize("name", ["png", "webp", "avif"])
def test_iptc_is_named_where_a_format_does_not_and_the_author_is_kept(name):
    body, notices = written(with_iptc("JPEG"), name)
    assert "IPTC" in notices[0]
    tags = opened(body).getexif()
    assert (tags[0x013B], tags[0x8298], tags[0x010E]) == (AUTHOR, COPYRIGHT, CAPTION)


@pytest.mark.parametrize("name", ["jpeg", "tiff", "png", "webp"])
def test_no_gps_leaves_no_name_of_a_place(name):
    spaces = (
        'xmlns:ph="http://ns.adobe.com/photoshop/1.0/" '
        'xmlns:core="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/" '
        'xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    )
    town, street = PLACES[1], PLACES[0]
    attributes = f'{spaces} ph:City="{town}" ph:Credit="agency" core:CountryCode="XUT" '
    attributes += f'ph:State="{PLACES[2]}" ph:Country="{PLACES[3]}" core:Location="{street}"'
    inside = (
        '<ext:LocationShown><rdf:Bag><rdf:li rdf:parseType="Resource">'
        f"<ext:City>{town}</ext:City></rdf:li></rdf:Bag></ext:LocationShown>"
    )
    parts = [exif_part(exif_block()[6:]), xmp_part(xmp_of(attributes, inside))]
    data = jpeg_of(PATCHES, *parts, iptc_part(iptc_records()))
    body, _ = written(data, name, "no-gps")
    left = [place for place in (*PLACES, "XUT") if place.encode() in body]
    assert left == []
    assert b"agency" in body
    assert COPYRIGHT.encode() in body
    kept, _ = written(data, "jpeg")
    assert all(place.encode() in kept for place in PLACES)


def test_bmp_names_what_it_does_not_hold():
    data = jpeg_of(PATCHES, exif_part(camera_exif()), xmp_part(XMP), iptc_part(iptc_records()))
    assert written(data, "bmp")[1] == (
        "bmp holds no metadata, so it was left out: EXIF, XMP, IPTC",
    )


def test_metadata_of_a_jpeg_xl_goes_along():
    data = jpeg_of(PATCHES, exif_part(camera_exif()), xmp_part(XMP), dpi=(300, 300))
    body, _ = written(data, "jxl")
    again = decode(body)
    assert tags_of(again.exif).keys() >= tags_of(camera_exif()).keys()
    assert b"<xmp:Label>mine</xmp:Label>" in again.xmp
    bare, _ = written(file_of(PATCHES), "jxl")
    assert imagecodecs.jpegxl_check(bare)
    assert np.abs(decode(bare).rgb.astype(int) - PATCHES).mean() < 4


def test_chunks_of_a_png_are_in_the_order_that_the_standard_wants():
    data = jpeg_of(PATCHES, exif_part(camera_exif()), dpi=(300, 300))
    assert list(chunks_of(written(data, "png")[0]))[:3] == [b"IHDR", b"pHYs", b"eXIf"]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_picture_is_turned_once_where_its_boxes_and_its_exif_say_how_it_lies(kind, orientation):
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:16, :16] = 255  # a corner that tells the turn
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95, "exif": exif.tobytes()}
    rgb = decode(file_of(pixels, kind, **options)).rgb
    expected = decode(file_of(pixels, "PNG", exif=exif)).rgb
    assert rgb.shape == expected.shape
    assert np.abs(rgb.astype(int) - expected).mean() < 3


def test_equal_files_get_equal_answers_at_any_time():
    data = png_of(PATCHES, (b"cICP", bytes((12, 13, 0, 1))))
    first, _ = written(data, "png")
    profiles.profile_from_cicp.cache_clear()
    assert decode(first).icc[24:36] == struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    assert written(data, "png")[0] == first
