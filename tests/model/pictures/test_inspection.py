"""What a file is allowed to hold, and what becomes of that which no decoder gets to see."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from model.pictures import (
    BrokenPictureError,
    OversizedPictureError,
    UnsupportedPictureError,
    decode,
    limits,
    read_header,
)
from model.pictures.inspection import icc, jpeg, png
from tools.grids import grid
from tools.hostile_files.bmp import PALETTE, runs
from tools.hostile_files.heif import declared
from tools.hostile_files.icc import curves, profile, steps
from tools.hostile_files.jpeg import segment, segments
from tools.hostile_files.parts import chunk
from tools.hostile_files.png import png as png_of
from tools.hostile_files.tiff import SMALL, one_strip, tiff, zeros
from tools.picture_files import MAKE, XMP, exif_block, file_of, kinds, read_exif, tiff_of, waves
from tools.picture_files import profile as known_profile


@pytest.mark.parametrize("name", kinds())
def test_the_header_says_the_size_that_the_decoder_finds(name):
    data = kinds()[name]
    header, picture = read_header(data), decode(data)
    height, width = picture.rgb.shape[:2]
    assert header.format == picture.format
    if header.format != "HEIF":  # it is cropped when it is decoded
        assert sorted((header.width, header.height)) == sorted((width, height))
    assert header.pixels >= width * height
    assert header.bits >= 8 * picture.rgb.itemsize


def test_a_side_longer_than_any_format_needs_is_refused():
    assert read_header(png_of(65_535, 1)).width == limits.MAX_SIDE
    for size in ((65_536, 1), (1, 65_536)):
        with pytest.raises(OversizedPictureError, match=f"at most {limits.MAX_SIDE} a side"):
            read_header(png_of(*size))


def test_metadata_behind_a_pngs_pixels_are_found():
    exif = chunk(b"eXIf", exif_block().removeprefix(b"Exif\0\0"))
    data = png_of(8, 8)
    picture = decode(data[:-12] + exif + data[-12:])
    assert read_exif(picture.exif)[MAKE] == "maker"


@pytest.mark.parametrize("packed", [False, True])
def test_xmp_of_a_png_is_kept_whether_it_is_compressed_or_not(packed):
    text = zlib.compress(XMP) if packed else XMP
    body = b"XML:com.adobe.xmp\0" + bytes([packed, 0]) + b"en\0title\0" + text
    assert b"mine" in decode(png_of(8, 8, chunk(b"iTXt", body))).xmp


def test_the_first_block_of_a_kind_counts_and_a_damaged_one_is_told():
    wide, grey = (zlib.compress(known_profile(name)) for name in ("Display P3", "sRGB"))
    both = [chunk(b"iCCP", b"x\0\0" + packed) for packed in (wide, grey)]
    assert decode(png_of(8, 8, both[0] + both[1])).icc == known_profile("Display P3")
    damaged = both[0][:-1] + bytes([both[0][-1] ^ 1])
    picture = decode(png_of(8, 8, damaged + both[1]))
    assert picture.icc == b""
    assert "colour profile is damaged" in picture.notices[0]


def test_exif_that_a_png_holds_as_text_is_read():
    block = exif_block(6).removeprefix(b"Exif\0\0")
    text = f"\nexif\n{len(block)}\n".encode() + block.hex().encode()
    data = png_of(8, 4, chunk(b"tEXt", b"Raw profile type exif\0" + text))
    picture = decode(data)
    assert picture.rgb.shape == (8, 4, 3)
    assert read_exif(picture.exif)[MAKE] == "maker"


def test_a_png_decoder_gets_pixels_palette_and_clear_colour_alone():
    image = Image.fromarray(waves()).quantize(16)
    whole = file_of(image, transparency=3, exif=exif_block(), dpi=(72, 72))
    left = {chunk.kind for chunk in png.chunks(png.without_metadata(whole))}
    assert left == {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
    with Image.open(io.BytesIO(png.without_metadata(whole))) as alone:
        np.testing.assert_array_equal(np.asarray(alone), np.asarray(image))


def test_a_jpeg_decoder_gets_pixels_alone():
    plain = file_of(waves(), "JPEG")
    foreign = segment(0xE5, b"x" * 1000) + segment(0xFE, b"comment") + segment(0xED, b"Photoshop")
    foreign += segment(0xE1, exif_block()) + segment(0xE2, b"ICC_PROFILE\0\1\1x")
    data = plain[:20] + foreign + plain[20:]
    assert jpeg.without_excess_metadata(data) == plain
    assert jpeg.without_excess_metadata(plain) is plain
    np.testing.assert_array_equal(decode(data).rgb, decode(plain).rgb)


def test_a_jpeg_may_have_as_many_segments_and_scans_as_encoders_write():
    decode(segments(segment(0xE5, b"x"), 400 * 5))
    with pytest.raises(OversizedPictureError, match="512 segments") as error:
        decode(segments(segment(0xE5, b"x"), 600 * 5))
    assert "without its metadata" in error.value.hint


def test_a_jpeg_may_be_padded_between_its_segments():
    decode(segments(b"\xff", 60_000))
    with pytest.raises(OversizedPictureError, match="between its segments"):
        decode(segments(b"\xff", 70_000))


def test_the_pages_behind_a_tiffs_first_are_not_looked_at():
    several = tiff(SMALL, bytes(64), following=9)
    assert read_header(several).several
    assert not read_header(tiff(SMALL)).several
    assert not read_header(tiff(SMALL, following=8)).several  # the page follows itself


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (one_strip(6, 64, 3, 8, zeros(64, 3, 8)), "complex numbers of 64 bits"),
        (one_strip(2, 16, 3, 8, zeros(16, 3, 8)), "signed numbers of 16 bits"),
        (one_strip(1, 32, 3, 8, zeros(32, 3, 8)), "32 bits a channel"),
        (one_strip(3, 64, 8, 8, zeros(64, 8, 8)), "64 bytes, at most 32"),
        (one_strip(1, 16, 9, 8, zeros(16, 9, 8)), "9 channels"),
    ],
    ids=["complex", "signed", "32 bits", "wide pixels", "channels"],
)
def test_a_tiff_of_numbers_that_are_not_read_is_refused_by_its_header(data, says):
    with pytest.raises(UnsupportedPictureError, match=says) as error:
        read_header(data)
    assert error.value.hint


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("options", [{}, {"planarconfig": "separate"}])
def test_a_tiff_is_the_same_whatever_its_strips(dtype, options):
    values = waves(70, 50, np.uint16)
    values = values if dtype == np.uint16 else (values / 65_535).astype(dtype)
    pixels = np.moveaxis(values, 2, 0).copy() if options else values
    whole = decode(tiff_of(pixels, photometric="rgb", **options)).rgb
    for layout in ({"rowsperstrip": 7}, {"tile": (16, 32)}, {"rowsperstrip": 70}):
        data = tiff_of(pixels, photometric="rgb", compression="zlib", **layout, **options)
        np.testing.assert_array_equal(decode(data).rgb, whole)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_a_file_declared_smaller_than_its_coded_picture_is_refused(kind):
    data = file_of(waves(200, 200), kind)
    assert read_header(data).width == 200
    with pytest.raises(BrokenPictureError, match="200x200 pixels, and the file declares 100x100"):
        read_header(declared(data, 100))


def test_a_heic_of_tiles_is_read():
    pixels = waves(128, 192)
    data = grid(pixels, 64)
    header = read_header(data)
    assert (header.format, header.width, header.height) == ("HEIF", 192, 128)
    assert np.abs(decode(data).rgb.astype(int) - pixels).mean() < 5


def test_a_heic_whose_tiles_are_far_more_than_the_picture_is_refused():
    with pytest.raises(OversizedPictureError, match="more than 4096"):
        read_header(grid(waves(64, 64), 64, references=[1] * 5000))
    with pytest.raises(BrokenPictureError, match="longer than the file"):
        read_header(grid(waves(64, 64), 64, references=[1] * 2000))


@pytest.mark.parametrize("grey", [False, True])
def test_runs_of_a_bmp_are_the_pixels_that_pillow_finds(grey):
    rng = np.random.default_rng(0)
    body = b""
    for _ in range(20):
        lengths = [9, 1, 30, 16]
        body += b"".join(bytes([n, int(rng.integers(256))]) for n in lengths)
        body += b"\0\5" + rng.bytes(5) + b"\0" + b"\0\0"
    data = runs(61, 20, body + b"\0\1")
    if grey:
        data = data.replace(PALETTE, b"".join(bytes([level] * 3 + [0]) for level in range(256)))
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB"))
    picture = decode(data)
    np.testing.assert_array_equal(picture.rgb, expected)
    assert picture.grey is grey


def test_a_profile_with_a_pipeline_of_floats_is_used_without_it():
    tags = [(b"wtpt", b"XYZ " + bytes(16)), (b"D2B0", b"mpet" + bytes(20))]
    hidden = icc.integers_alone(profile(tags))
    assert b"wtpt" in hidden
    assert b"D2B0" not in hidden
    assert len(hidden) == len(profile(tags))
    picture = decode(file_of(waves(), icc_profile=steps(3)))
    assert "colour profile" in picture.notices[0]


def test_a_profile_with_a_longer_curve_than_any_maker_writes_is_left_out():
    assert decode(file_of(waves(), icc_profile=curves(np.linspace(0, 65_535, 4096)))).icc
    picture = decode(file_of(waves(), icc_profile=curves(np.linspace(0, 65_535, 4097))))
    assert "curve of 4097 values" in picture.notices[0]


def test_the_sizes_of_headers_that_are_cut_off_are_told_as_broken():
    for name, data in kinds().items():
        for length in (3, 9, 13, 20, 27, 40, 100):
            try:
                read_header(data[:length])
            except (BrokenPictureError, UnsupportedPictureError):
                continue
            assert length > (8 if name.startswith("JPEG XL") else 20), name


def test_what_is_no_tree_of_tags_is_told():
    with pytest.raises(BrokenPictureError, match="does not lie in the file"):
        read_header(b"II*\0" + struct.pack("<I", 10**6) + bytes(100))
