"""Multipart bodies as the world sends them, in chunks of every size."""

import base64

import pytest

from service.errors import BadRequestError, InvalidOptionsError
from service.http.multipart_form import MultipartForm

PICTURE = bytes(range(256)) * 2 + b"\r\n--x\n--xy\r\n--XXy --XX\n\r"
"""Bytes that hold what resembles a boundary."""
IMAGE = 'Content-Disposition: form-data; name="image"; filename="a.jpg"\nContent-Type: image/jpeg'


def part(head: str, data: bytes) -> tuple[str, bytes]:
    return head, data


def option(name: str, value: bytes) -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"', value


def body(*parts, end=b"\r\n", before=b"", after=b""):
    text = before
    for head, data in parts:
        lines = head.encode().replace(b"\n", end)
        text += b"--XX" + end + lines + end * 2 + data + end
    return text + b"--XX--" + after


def read(data, size=10**6):
    form = MultipartForm(b"XX")
    for start in range(0, len(data), size):
        form.feed(data[start : start + size])
    return form.finish(), form.options


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10**6])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("before", [b"", b"This is a message.\r\n", b"\r\n", b"--XXX\n--X\r\n\n"])
def test_any_line_end_and_preamble_in_any_chunks(size, end, before):
    parts = [option("strength", b"0.5"), (IMAGE, PICTURE), option("quality", b"")]
    data = body(*parts, end=end, before=before, after=end + b"the end")
    assert read(data, size) == (PICTURE, {"strength": "0.5", "quality": ""})


@pytest.mark.parametrize("size", [1, 10**6])
def test_a_boundary_may_be_followed_by_spaces(size):
    data = body((IMAGE, PICTURE)).replace(b"--XX\r\n", b"--XX \t\r\n")
    assert read(data, size) == (PICTURE, {})


@pytest.mark.parametrize(
    "head",
    [
        *(
            f'Content-Disposition: form-data; name="{name}"; filename="a"'
            for name in ("file", "image_file", "image[]", "images[0]", "photo", "Image", "anything")
        ),
        "Content-Disposition: form-data; name='image'; filename='a.jpg'",
        "Content-Disposition: form-data; name=image; filename=a.jpg",
        'content-disposition:form-data;name="image"',
        'Content-Disposition: form-data; name="image";\n filename="a.jpg"',
        'Content-Disposition: form-data; name="image"; filename="\u5199\u771f.jpg"',
        'Content-Disposition: form-data; filename="a.jpg"',
        'Content-Type: image/jpeg\nContent-Disposition: form-data; name="whatever"',
        IMAGE + "\nContent-Transfer-Encoding: binary",
    ],
)
def test_a_file_is_the_picture_whatever_it_is_called(head):
    assert read(body((head, PICTURE), option("quality", b"80"))) == (PICTURE, {"quality": "80"})


def test_an_option_may_come_as_a_file():
    head = 'Content-Disposition: form-data; name="quality"; filename="quality"'
    assert read(body((IMAGE, PICTURE), (head, b"80"))) == (PICTURE, {"quality": "80"})


@pytest.mark.parametrize("size", [1, 5, 10**6])
def test_a_base64_part_is_decoded(size):
    head = IMAGE + "\nContent-Transfer-Encoding: BASE64"
    lines = base64.encodebytes(PICTURE).replace(b"\n", b"\r\n")
    strength = option("strength", base64.b64encode(b"0.5"))
    strength = (strength[0] + "\nContent-Transfer-Encoding: base64", strength[1])
    assert read(body((head, lines), strength), size) == (PICTURE, {"strength": "0.5"})


def test_a_data_url_in_a_text_field_is_decoded():
    url = b"data:image/jpeg;base64," + base64.b64encode(PICTURE)
    assert read(body(option("image", url))) == (PICTURE, {})


def test_a_charset_and_an_empty_file_are_left_out():
    empty = ('Content-Disposition: form-data; name="mask"; filename=""', b"")
    data = body(option("_charset_", b"utf-8"), empty, (IMAGE, PICTURE), empty)
    assert read(data) == (PICTURE, {})


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (body((IMAGE, PICTURE), (IMAGE, PICTURE)), "more than one picture"),
        (body((IMAGE + "\nContent-Transfer-Encoding: quoted-printable", b"a")), "quoted-printable"),
        (body((IMAGE + "\nContent-Transfer-Encoding: base64", b"a\xff")), "base64"),
        (body((IMAGE, PICTURE))[:-2], "before its last boundary"),
        (b"x" * 70_000, "first boundary"),
        (body(("nonsense", b"a")), "header"),
        (body(("\n".join(["A: b"] * 9), b"a")), "headers"),
        (body(("A: " + "b" * 5000, b"a")), "header"),
        (body(option("", b"a")), "no name"),
    ],
)
@pytest.mark.parametrize("size", [1, 10**6])
def test_what_is_broken_is_told(data, why, size):
    with pytest.raises(BadRequestError, match=why):
        read(data, size)


def test_an_option_that_is_given_twice_is_refused():
    with pytest.raises(InvalidOptionsError, match="given twice"):
        read(body((IMAGE, PICTURE), option("quality", b"1"), option("quality", b"2")))
