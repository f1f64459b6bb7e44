"""HTTP/2 through HAProxy and nginx: the same rules hold, and no frame does harm."""

import asyncio
import contextlib

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from tests.deploy.http2 import (
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    RESET,
    Fields,
    ask,
    block,
    connected,
    request,
)
from tests.deploy.load import PICTURE
from tests.deploy.test_paths import HIDDEN, PICTURES, heard, spellings
from tools.fleet.fleet import Fleet
from tools.fleet.processes import Balancer, Replica, free_port

pytestmark = pytest.mark.anyio

KIND = ("content-type", "image/png")
HIDDEN_REQUEST = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
MALFORMED: dict[str, tuple[Fields, bytes | None]] = {
    "a line break in a value": (
        request("GET", "/adapters", ("x", f"a\r\n\r\n{HIDDEN_REQUEST}")), None),
    "a line break in a name": (request("GET", "/adapters", ("x\r\ny", "a")), None),
    "a request in the path": (
        request("GET", f"/adapters HTTP/1.1\r\nHost: a\r\n\r\n{HIDDEN_REQUEST}"), None),
    "a request in the method": (request(f"{HIDDEN_REQUEST}GET", "/adapters"), None),
    "a space in the path": (request("GET", "/adapters /metrics"), None),
    "two paths": (request("GET", "/adapters", (":path", "/metrics")), None),
    "a pseudo field after others": (
        [(":method", "GET"), ("x", "a"), (":path", "/metrics"), (":scheme", "http")], None),
    "no path": ([(":method", "GET"), (":scheme", "http"), (":authority", "a")], None),
    "a name in capitals": (request("GET", "/adapters", ("X-A", "a")), None),
    "chunked": (
        request("POST", "/restore", ("transfer-encoding", "chunked"), KIND),
        f"0\r\n\r\n{HIDDEN_REQUEST}".encode()),
    "a body longer than it says": (
        request("POST", "/restore", ("content-length", "0"), KIND), HIDDEN_REQUEST.encode()),
    "a body shorter than it says": (
        request("POST", "/restore", ("content-length", "999"), KIND), b"abc"),
    "two lengths": (
        request("POST", "/restore", ("content-length", "3"), ("content-length", "30"), KIND),
        b"abc"),
}  # fmt: skip


async def begin(fleet: Fleet, kind: str) -> tuple[Balancer, Replica, str]:
    """Start a replica and a balancer; return also where it speaks HTTP/2."""
    replica = fleet.replica("only")
    await fleet.ready()
    if kind == "haproxy":
        balancer = await fleet.haproxy()
        await balancer.sees(1)
        return balancer, replica, balancer.url
    port = free_port()
    balancer = await fleet.nginx(listen_too=f"127.0.0.1:{port} http2")
    return balancer, replica, f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
async def test_over_http_2_no_spelling_of_a_path_gets_round_the_rules(fleet: Fleet, kind: str):
    _, replica, url = await begin(fleet, kind)
    passed = []
    for path, method in (HIDDEN | PICTURES).items():
        given = [*spellings(path), *([path] if path in HIDDEN else [])]
        for target in given:
            if path in PICTURES and target == f"{path}/":
                continue
            body = PICTURE if method == "POST" else None
            answer = await ask(url, request(method, target, KIND), body)
            if answer not in (400, 404, None):
                passed.append((method, target, answer))
    assert passed == []
    assert await heard(replica) == set()
    assert await ask(url, request("GET", "/adapters")) == 200
    assert await ask(url, request("POST", "/restore", KIND), PICTURE) == 200


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
async def test_a_malformed_request_over_http_2_becomes_no_other_request(fleet: Fleet, kind: str):
    _, replica, url = await begin(fleet, kind)
    answers = {name: await ask(url, *sent) for name, sent in MALFORMED.items()}
    # nginx leaves "transfer-encoding" out and sends the body on, which is no picture: 415.
    assert {name: a for name, a in answers.items() if a not in (400, 404, 415, None)} == {}
    # A body that ends too early may have begun to be sent on; nothing else reaches the replica.
    assert await heard(replica) <= {"/restore"}


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
async def test_streams_that_are_opened_and_reset_hold_nobody_up(fleet: Fleet, kind: str):
    """Rapid reset: CVE-2023-44487."""
    balancer, replica, url = await begin(fleet, kind)
    fields = block(request("POST", "/restore", KIND))
    opened = 0

    async def attack() -> None:
        nonlocal opened
        async with connected(url) as connection:
            for number in range(1, 4001, 2):
                connection.send(HEADERS, END_HEADERS, number, fields)
                connection.send(RESET, 0, number, (8).to_bytes(4))
                opened += 1
                await connection.writer.drain()

    attacks = [asyncio.create_task(attack()) for _ in range(4)]
    async with balancer.client() as client:
        answers = [
            await client.post("/restore", content=PICTURE, headers={"Content-Type": "image/png"})
            for _ in range(5)
        ]
    await asyncio.gather(*attacks, return_exceptions=True)  # or cut off
    assert opened > 1000
    assert [answer.status_code for answer in answers] == [200] * 5
    assert await ask(url, request("POST", "/restore", KIND), PICTURE) == 200
    assert await replica.is_ready()


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
async def test_a_head_without_end_is_cut_off_before_it_fills_memory(fleet: Fleet, kind: str):
    """CONTINUATION flood."""
    balancer, _, url = await begin(fleet, kind)
    before = memory(balancer)
    piece = block([("x", "a" * 16_000)])
    sent = 0
    with contextlib.suppress(ConnectionError):  # nginx reads on and forgets
        async with connected(url) as connection:
            connection.send(HEADERS, END_STREAM, 1, block(request("GET", "/adapters")))
            while sent < 64 * 2**20:
                connection.send(CONTINUATION, 0, 1, piece)
                sent += len(piece)
                await connection.writer.drain()
    assert memory(balancer) - before < 32 * 2**20
    assert await ask(url, request("GET", "/adapters")) == 200


def memory(balancer: Balancer) -> int:
    """Bytes of the balancer and of its workers."""
    process = psutil.Process(balancer.popen.pid)
    return sum(int(one.memory_info().rss) for one in [process, *process.children()])


async def test_the_service_itself_speaks_no_http_2(fleet: Fleet):
    replica = fleet.replica("only")
    await fleet.ready()
    there = httpx.URL(replica.url)
    reader, writer = await asyncio.open_connection(there.host, there.port)
    writer.write(PREFACE)
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()
    await writer.wait_closed()
