"""Bodies of every shape, in chunks of every size."""

import base64
import gzip
import random
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from service.admission.counters import Budget
from service.admission.upload_clock import UploadClock
from service.errors import (
    BadRequestError,
    BodyTooLargeError,
    FullError,
    ServiceError,
    UnsupportedMediaError,
)
from service.http.content_encoding import MAX_MEMBERS, PIECE_BYTES
from service.http.form_fields import MAX_OPTION_BYTES
from service.http.uploads import receive

pytestmark = pytest.mark.anyio
PART = 'Content-Disposition: form-data; name="{}"'


def form(*parts, boundary="BoundarY"):
    """A multipart body of (name, value) pairs; a value of bytes is a file."""
    body = b""
    for name, value in parts:
        head = PART.format(name) + ('; filename="a b.png"' if isinstance(value, bytes) else "")
        data = value if isinstance(value, bytes) else value.encode()
        body += f"--{boundary}\r\n{head}\r\nContent-Type: x/y\r\n\r\n".encode() + data + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


class Watched(Budget):
    """A budget that knows how much was reserved at most."""

    most = 0

    def try_reserve(self, amount):
        """Reserve ``amount`` if it fits."""
        reserved = super().try_reserve(amount)
        self.most = max(self.most, self.reserved)
        return reserved


async def read(chunks, kind, *, query=b"", limit=10**6, held=None, length=None, encoding=""):
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def next_message():
        return messages.pop(0)

    headers = [(b"content-type", kind.encode()), (b"content-encoding", encoding.encode())]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": query}
    request = Request({**scope, "headers": headers}, next_message)
    budget = Budget(10**7) if held is None else held
    try:
        async with receive(request, held=budget, max_bytes=limit, clock=UploadClock(30)) as upload:
            assert encoding or budget.reserved == sum(len(chunk) for chunk in chunks)
            return upload.take(), upload.options
    finally:
        assert budget.reserved == 0


def cut(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
async def test_a_form_may_come_in_any_chunks(size):
    picture = bytes(range(256)) * 3 + b"\r\n--Boundar" + b"\r\n--BoundarX"
    body = form(("strength", "0.5"), ("image", picture), ("adapters", "rain:1"))
    data, options = await read(cut(body, size), "multipart/form-data; boundary=BoundarY")
    assert data == picture
    assert options == {"strength": "0.5", "adapters": "rain:1"}


async def test_a_raw_body_takes_its_options_from_the_query():
    data, options = await read([b"ab", b"c"], "image/x-anything", query=b"format=png&strength=1")
    assert data == b"abc"
    assert options == {"format": "png", "strength": "1"}


async def test_the_declared_length_is_enough_to_refuse():
    with pytest.raises(BodyTooLargeError):
        await read([], "image/png", limit=10, length=11)


async def test_the_real_length_decides_when_none_is_declared():
    with pytest.raises(BodyTooLargeError):
        await read([b"x" * 6, b"x" * 6], "image/png", limit=10)


async def test_options_are_bounded():
    body = form(("image", b"x"), ("adapters", "a" * (MAX_OPTION_BYTES + 1)))
    with pytest.raises(BadRequestError, match="options"):
        await read([body], "multipart/form-data; boundary=BoundarY")


async def test_an_image_without_a_file_name_counts_too():
    body = form(("file", "text that is a picture"))
    data, _ = await read([body], "multipart/form-data; boundary=BoundarY")
    assert data == b"text that is a picture"


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    noise=st.binary(max_size=60),
    position=st.integers(0, 200),
    kind=st.sampled_from(
        ["multipart/form-data; boundary=BoundarY", "multipart/form-data; boundary=", "image/png"]
    ),
)
async def test_whatever_comes_is_read_or_refused_in_our_words(noise, position, kind):
    body = form(("image", b"picture"), ("strength", "1"))
    damaged = body[:position] + noise + body[position:]
    try:
        data, _ = await read([damaged], kind)
    except ServiceError as error:
        status = error.status
    else:
        status = 200 if data else 500
    assert status in (200, 400, 422)


DOORS = [b"\x89PNG and more", b"\xff\xd8\xff", b"ab"]


@pytest.mark.parametrize("data", DOORS)
@pytest.mark.parametrize("kind", ["", "application/octet-stream", "binary/octet-stream", "*/*"])
async def test_a_body_without_a_type_is_the_picture(data, kind):
    assert await read(cut(data, 1), kind) == (data, {})


@pytest.mark.parametrize("kind", ["", "application/x-www-form-urlencoded"])
async def test_a_body_without_a_type_that_is_json_is_read_as_json(kind):
    data = b' {"image": "QUJD", "quality": 80}'
    assert await read([data], kind) == (b"ABC", {"quality": "80"})


async def test_a_data_url_as_the_body_is_decoded():
    assert await read(cut(b"data:image/png;base64,QUJD", 3), "") == (b"ABC", {})


BEGINS = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF....WEBP", b"II*\0.", b"MM\0*."]
BEGINS += [b"\0\0\0\x1cftypavif", b"\x93NUMPY"]


@pytest.mark.parametrize("begin", BEGINS)
@pytest.mark.parametrize("kind", ["", "text/plain;charset=UTF-8", "image/jpeg"])
async def test_base64_as_the_body_is_decoded_and_a_file_is_not(begin, kind):
    data = begin + bytes(range(100))
    assert await read(cut(base64.b64encode(data), 7), kind) == (data, {})
    assert await read(cut(data, 7), kind) == (data, {})


def packed(data, window):
    packer = zlib.compressobj(wbits=window)
    return packer.compress(data) + packer.flush()


NOISE = random.Random(0).randbytes(200_000)
PACKED = [
    ("gzip", gzip.compress(NOISE)),
    ("x-gzip", gzip.compress(NOISE)),
    ("GZIP, identity", gzip.compress(NOISE)),
    ("gzip", gzip.compress(NOISE[:100_000]) + b"\0" * 9 + gzip.compress(NOISE[100_000:]) + b"\0"),
    ("deflate", packed(NOISE, 15)),
    ("deflate", packed(NOISE, -15)),
    ("identity", NOISE),
]


@pytest.mark.parametrize("size", [1000, 65_536, 10**6])
@pytest.mark.parametrize(("encoding", "data"), PACKED)
async def test_a_packed_body_is_unpacked(encoding, data, size):
    held = Budget(10**7)
    chunks = cut(data, size)
    assert await read(chunks, "image/x", encoding=encoding, held=held) == (NOISE, {})


async def test_a_packed_form_is_unpacked():
    body = gzip.compress(form(("image", b"abc"), ("quality", "80")))
    read_body = await read([body], "multipart/form-data; boundary=BoundarY", encoding="gzip")
    assert read_body == (b"abc", {"quality": "80"})


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(NOISE)[:-9]),
        ("gzip", gzip.compress(NOISE)[:-9] + b"x" * 9),
        ("gzip", NOISE),
        ("gzip", gzip.compress(b"a") + b"rest"),
        ("gzip", gzip.compress(b"") * (MAX_MEMBERS + 1)),
        ("gzip", b""),
        ("deflate", packed(b"abc", 15) + b"rest"),
        ("deflate", b"\xff\xff"),
    ],
)
async def test_what_is_packed_badly_is_told(encoding, data):
    with pytest.raises(BadRequestError) as caught:
        await read(cut(data, 5000), "image/x", encoding=encoding)
    assert caught.value.code == "broken_encoding"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "nonsense"])
async def test_other_encodings_are_refused(encoding):
    with pytest.raises(UnsupportedMediaError) as caught:
        await read([b"abc"], "image/x", encoding=encoding)
    assert caught.value.headers == {"Accept-Encoding": "gzip, deflate"}


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_is_counted_while_it_is_unpacked(encoding):
    window = 31 if encoding == "gzip" else 15
    bomb = packed(bytes(50 * 10**6), window)
    held = Watched(10**8)
    with pytest.raises(BodyTooLargeError):
        await read([bomb], "image/x", encoding=encoding, held=held)
    assert held.most <= 10**6 + PIECE_BYTES
    small = Watched(100_000)
    with pytest.raises(FullError):
        await read([bomb], "image/x", encoding=encoding, held=small)
    assert small.most <= 100_000


async def test_packed_bytes_that_unpack_to_nothing_count_too():
    nothing = b"\0\0\0\xff\xff" * 300_000  # blocks of no bytes
    with pytest.raises(BodyTooLargeError):
        await read(cut(nothing, 65_536), "image/x", encoding="deflate")


async def test_an_option_without_a_value_is_not_given():
    data, options = await read([b"ab"], "image/x", query=b"quality=&strength=1&a=")
    assert (data, options) == (b"ab", {"strength": "1", "a": ""})
