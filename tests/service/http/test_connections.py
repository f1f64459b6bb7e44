"""Callers who send no whole head, do not read, hang up half or reset: over real sockets."""

import contextlib
import socket
import struct
import time

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from service.http.connections import MAX_HEAD_BYTES
from tests.service.running import PATIENCE, Running
from tools.fakes import file_of, photo, picture_of

MIB = 2**20
SLOW_ENGINE = """
describe = FakeEngine.describe

def slowly(*arguments):
    time.sleep(3)
    return describe(*arguments)

FakeEngine.describe = slowly
"""


@pytest.fixture(scope="module")
def service():
    with Running(head_seconds=1.0, answer_pause_seconds=1.0) as running:
        yield running


def connect(service: Running, *, buffer: int | None = None) -> socket.socket:
    caller = socket.socket()
    if buffer is not None:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    caller.settimeout(PATIENCE)
    caller.connect(("127.0.0.1", service.port))
    return caller


def rest_of(caller: socket.socket) -> bytes:
    """Everything that comes until the other side closes the connection."""
    got = bytearray()
    while piece := caller.recv(65536):
        got += piece
    return bytes(got)


def answer_of(caller: socket.socket) -> bytes:
    """One answer of few bytes, whose body is JSON."""
    got = b""
    while not got.endswith(b"}"):
        got += caller.recv(65536)
    return got


def request_of(body: bytes, *headers: str) -> bytes:
    lines = ["POST /restore HTTP/1.1", "Host: a", "Content-Type: image/png", *headers]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def noisy(side: int) -> bytes:
    """A PNG whose answer is large, too."""
    return bytes(
        file_of(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8))
    )


@pytest.mark.parametrize(
    "said", [b"", b"POST /restore HTTP/1.1\r\nHost: a\r\n"], ids=["nothing", "half a head"]
)
def test_a_head_that_stops_ends_the_connection(service, said):
    before = service.metric('restore_connections_ended_total{reason="head"}')
    with connect(service) as caller:
        caller.sendall(said)
        answer = rest_of(caller)
    if said:
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code": "head_stalled"' in answer
    else:
        assert answer == b""
    assert service.metric('restore_connections_ended_total{reason="head"}') == before + 1


def test_a_connection_that_was_used_may_be_idle_for_longer_than_a_head_may_take(service):
    with connect(service) as caller:
        for _ in range(2):
            caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert answer_of(caller).startswith(b"HTTP/1.1 200")
            time.sleep(1.5)


@pytest.mark.parametrize(
    "line",
    [b"X-Long: " + b"a" * (2 * MAX_HEAD_BYTES), b"X-Short: a\r\n" * (MAX_HEAD_BYTES // 8)],
    ids=["one header", "many headers"],
)
def test_a_head_that_is_too_large_is_refused(service, line):
    with connect(service) as caller:
        caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n")
        answer = rest_of(caller)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"code": "head_too_large"' in answer


def test_heads_without_end_are_cut_off_before_they_fill_memory():
    with Running() as service:
        for _ in range(20):
            with connect(service) as caller, contextlib.suppress(ConnectionError):
                caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: ")
                caller.sendall(b"a" * (8 * MIB))
        assert service.victim() < PATIENCE
        assert service.growth < 48 * MIB


def test_a_head_of_many_tiny_headers_costs_little():
    """Counting all headers at each one took seconds of the event loop."""
    with Running() as service:
        before = psutil.Process(service.process.pid).cpu_times().user
        for _ in range(4):
            with connect(service) as caller, contextlib.suppress(ConnectionError):
                caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"a:\r\n" * 65_000)
                assert rest_of(caller).startswith(b"HTTP/1.1 431 ")
        assert psutil.Process(service.process.pid).cpu_times().user - before < 2


def test_bytes_that_make_no_sense_do_not_damage_the_answer_before_them(service):
    with connect(service) as caller:
        caller.sendall(request_of(file_of(photo(64, 64))) + b"\0 no HTTP\r\n\r\n")
        head, _, body = rest_of(caller).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert picture_of(body).shape == (64, 64, 3)


def test_a_caller_of_http_1_0_gets_no_interim_answer():
    with Running(SLOW_ENGINE) as service, connect(service) as caller:
        old = request_of(file_of(photo(64, 64))).replace(b"HTTP/1.1", b"HTTP/1.0")
        caller.sendall(old)
        caller.shutdown(socket.SHUT_WR)
        assert b"100 Continue" not in rest_of(caller)


def test_a_head_of_the_largest_size_is_accepted(service):
    with connect(service) as caller:
        filler = b"X-Long: " + b"a" * (MAX_HEAD_BYTES - 200)
        caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + filler + b"\r\n\r\n")
        assert answer_of(caller).startswith(b"HTTP/1.1 200")


def test_what_is_no_http_is_answered_with_a_problem(service):
    with connect(service) as caller:
        caller.sendall(b"\x16\x03\x01\x02\x00 TLS, for example\r\n\r\n")
        answer = rest_of(caller)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code": "malformed_request"' in answer


def test_an_answer_is_held_until_it_was_taken_and_a_caller_who_does_not_read_is_ended(service):
    before = service.metric('restore_connections_ended_total{reason="answer"}')
    body = noisy(1200)
    callers = [connect(service, buffer=4096) for _ in range(3)]
    for caller in callers:
        caller.sendall(request_of(body, "Accept: image/png"))
    deadline, held = time.monotonic() + PATIENCE, 0.0
    while time.monotonic() < deadline:
        held = max(held, service.metric("restore_held_bytes"))
        if service.metric('restore_connections_ended_total{reason="answer"}') == before + 3:
            break
        time.sleep(0.02)
    assert held > len(body)  # an answer is as large as its picture, and no body is left by then
    service.until("restore_held_bytes", 0)
    for caller in callers:
        caller.close()


def test_a_caller_who_reads_slowly_gets_the_whole_answer(service):
    body = noisy(1200)
    with connect(service, buffer=65536) as caller:
        caller.sendall(request_of(body, "Accept: image/png", "Connection: close"))
        got = bytearray()
        while piece := caller.recv(200_000):
            got += piece
            time.sleep(0.03)
    head, _, picture = bytes(got).partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert len(picture) == length


def test_a_caller_who_has_closed_its_sending_side_gets_its_answer():
    with Running(SLOW_ENGINE) as service, connect(service) as caller:
        caller.sendall(request_of(file_of(photo(64, 64))))
        caller.shutdown(socket.SHUT_WR)
        answer = rest_of(caller).replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_caller_who_has_closed_the_connection_is_noticed_before_the_work_is_done():
    with Running(SLOW_ENGINE) as service:
        with connect(service) as caller:
            caller.sendall(request_of(file_of(photo(64, 64))))
            service.until("restore_requests_in_flight", 1)
        service.until('restore_requests_total{endpoint="/restore",status="499"}', 1)


def test_a_thousand_resets_leave_nothing_behind():
    body = request_of(file_of(photo(64, 64)))
    with Running() as service:
        for index in range(1000):
            caller = connect(service)
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            caller.sendall(body[: index % len(body)])
            caller.close()
        for gauge in ("restore_held_bytes", "restore_requests_in_flight", "restore_reserved_bytes"):
            service.until(gauge, 0)
        assert service.victim() < PATIENCE
        assert service.growth < 48 * MIB
