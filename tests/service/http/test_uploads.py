"""Bodies of every shape, in chunks of every size."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from service.admission.counters import Budget
from service.admission.upload_clock import UploadClock
from service.errors import BadRequestError, BodyTooLargeError, ServiceError
from service.http.multipart_form import MAX_OPTION_BYTES
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


async def read(chunks, kind, *, query=b"", limit=10**6, held=None, length=None):
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def next_message():
        return messages.pop(0)

    headers = [(b"content-type", kind.encode())]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": query}
    request = Request({**scope, "headers": headers}, next_message)
    budget = Budget(10**7) if held is None else held
    try:
        async with receive(request, held=budget, max_bytes=limit, clock=UploadClock(30)) as upload:
            assert budget.reserved == sum(len(chunk) for chunk in chunks)
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
