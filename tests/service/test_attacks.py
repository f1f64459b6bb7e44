"""Hostile requests to a service in a process of its own, beside somebody else's small picture."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import httpx
import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from model.pictures import read_header
from service.admission.picture_memory import restore_bytes
from service.errors import MAX_ERRORS
from service.http.multipart_form import MAX_PARTS
from service.http.problems import MAX_TEXT
from tests.service.decoding.hostile_decoding import CRASH, HANG, SPIN, SWELL
from tests.service.running import PATIENCE, PNG, Running
from tools.fakes import file_of, photo

pytestmark = pytest.mark.slow

FORM = {"Content-Type": "multipart/form-data; boundary=x"}
MEBIBYTE = 2**20


def part(name: str, value: bytes = b"") -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (
        name.encode(),
        value,
    )


@pytest.fixture(scope="module")
def plain() -> Iterator[Running]:
    """A service with the default settings, for tests that don't measure its memory."""
    with Running() as service:
        yield service


class Attack(threading.Thread):
    """Sends one request in a thread of its own; ``answer`` is what came, ``seconds`` how late."""

    def __init__(self, send: Callable[[], httpx.Response]) -> None:
        super().__init__(daemon=True)
        self._send = send
        self.answer: httpx.Response | None = None
        self.seconds = 0.0
        self.start()

    def run(self) -> None:
        began = time.monotonic()
        try:
            self.answer = self._send()
        except httpx.TransportError:  # the service closed the connection before the body's end
            self.answer = None
        self.seconds = time.monotonic() - began

    def end(self) -> None:
        self.join(PATIENCE)
        assert not self.is_alive()


def post(service: Running, body: bytes, headers: Mapping[str, str] = PNG) -> Attack:
    def send() -> httpx.Response:
        with service.client() as client:
            return client.post("/restore", content=body, headers=headers)

    return Attack(send)


def faulty(fault: int, side: int = 64) -> bytes:
    """A picture that ``tests.service.decoding.hostile_decoding`` treats as ``fault`` says."""
    pixels = photo(side, side)
    pixels[0, 0, 0] = fault
    return bytes(file_of(pixels))


def problem(attack: Attack) -> tuple[int, str]:
    """Wait for a refusal; return its status and code."""
    attack.end()
    assert attack.answer is not None
    return attack.answer.status_code, attack.answer.json()["code"]


SOON = {**PNG, "X-Request-Timeout": "1"}
BUSY = "restore_requests_in_flight"


@pytest.mark.parametrize("fault", [HANG, SPIN])
def test_decoding_ends_when_its_caller_has_left(fault):
    with Running(hostile=True, decode_seconds=1000) as service:
        for _ in range(3):
            attacks = [post(service, faulty(fault), SOON) for _ in range(4)]
            for attack in attacks:
                assert problem(attack) == (504, "deadline_exceeded")
            assert attack.seconds < 5
            assert service.victim() < 5
        service.until(BUSY, 0)
        assert service.metric("restore_reserved_bytes") == 0


def test_a_picture_that_takes_too_long_to_decode_is_refused():
    with Running(hostile=True, decode_seconds=0.5) as service:
        attack = post(service, faulty(SPIN))
        assert problem(attack) == (413, "costly_image")
        assert attack.seconds < 10
        assert service.victim() < 5


def test_a_picture_that_takes_too_much_memory_to_decode_is_refused():
    with Running(hostile=True) as service:
        attacks = [post(service, faulty(SWELL)) for _ in range(6)]
        assert service.victim() < 5
        for attack in attacks:
            assert problem(attack) == (413, "costly_image")
        assert service.growth < 400 * MEBIBYTE  # two at once


def test_a_picture_that_kills_its_decoder_fails_alone():
    with Running(hostile=True) as service:
        assert problem(post(service, faulty(CRASH))) == (400, "broken_image")
        assert service.victim() < 5


def test_a_decoder_that_hangs_does_not_outlive_the_grace_time():
    with Running(hostile=True, grace_seconds=1) as service:
        attacks = [post(service, faulty(HANG)) for _ in range(3)]
        service.until(BUSY, 3)
        children = service.children()
        assert children
        assert service.terminate() < 8
        assert [problem(attack) for attack in attacks] == [(503, "draining")] * 3
        assert service.process.returncode == 1
        assert not any(child.is_running() for child in children)


def test_the_decoders_end_with_a_service_that_is_killed():
    with Running(hostile=True) as service:
        post(service, faulty(HANG))
        service.until(BUSY, 1)
        children = service.children()
        service.process.kill()
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive


HANGING_ENCODER = """
from pathlib import Path
from service import pipeline
encode = pipeline.encode_restored
def hang(picture, *rest):
    if picture.rgb.shape[0] > 1000:
        print("it hangs", file=sys.stderr, flush=True)
        while not Path({released!r}).exists():
            time.sleep(0.05)
    return encode(picture, *rest)
pipeline.encode_restored = hang
"""
"""Large pictures are encoded once there is a file."""


def test_work_whose_caller_has_left_keeps_its_place_until_it_ends(tmp_path):
    large, released = file_of(photo(1100, 1100)), tmp_path / "released"
    hanging = HANGING_ENCODER.format(released=str(released))
    with Running(hanging, api_keys="one,two", key_requests=1) as service:
        mine = {"X-API-Key": "one"}
        connection = sent(service, large, large, **mine)
        service.until_logged("it hangs")
        connection.close()
        service.until_logged('"status": 499')
        assert service.metric(BUSY, **mine) == 1
        assert service.metric("restore_reserved_pixels", **mine) == 1100 * 1100
        assert problem(post(service, large, {**PNG, **mine})) == (429, "key_limit")
        assert service.victim(**{"X-API-Key": "two"}) < 5
        released.touch()
        service.until(BUSY, 0, **mine)
        assert service.victim(**mine) < 5


def test_large_pictures_leave_a_thread_to_small_ones():
    large = file_of(photo(1100, 1100))
    with Running(HANGING_ENCODER.format(released="never")) as service:
        for _ in range(4):
            post(service, large)
        service.until(BUSY, 4)
        assert max(service.victim() for _ in range(5)) < 5


SLOW_HEADERS = """
from service import pipeline
read = pipeline.read_header
def hang(data, **limits):
    time.sleep(600 if len(data) > 2**20 else 0)
    return read(data, **limits)
pipeline.read_header = hang
"""


def test_large_files_leave_a_thread_for_headers_to_small_ones():
    with Running(SLOW_HEADERS) as service:
        attacks = [post(service, b"x" * 2 * MEBIBYTE, SOON) for _ in range(4)]
        assert max(service.victim() for _ in range(5)) < 5
        for attack in attacks:
            assert problem(attack) == (504, "deadline_exceeded")
        assert service.victim() < 5
        assert service.terminate() < 8


def test_a_million_parts_cost_neither_memory_nor_anybodys_time():
    body = part("image", file_of(photo())) + b"".join(part(f"a{i}") for i in range(10**6))
    with Running() as service:
        attack = post(service, body + b"--x--\r\n", FORM)
        assert service.victim() < 5
        attack.end()
        assert attack.seconds < 20
        assert service.growth < 64 * MEBIBYTE
        assert service.metric('restore_refusals_total{code="broken_multipart"}') == 1


def test_a_form_of_few_parts_is_read_and_of_too_many_refused(plain):
    image = part("image", file_of(photo()))
    with plain.client() as client:
        for count, status in ((MAX_PARTS - 1, 422), (MAX_PARTS, 400)):
            body = image + b"".join(part(f"a{i}") for i in range(count)) + b"--x--\r\n"
            answer = client.post("/restore", content=body, headers=FORM)
            assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Disposition: form-data; name="' + b"a" * (30 * MEBIBYTE) + b'"\r\n',
        b"A: b\r\n" * (5 * MEBIBYTE),
    ],
    ids=["one header of 30 MiB", "five million headers"],
)
def test_a_parts_headers_are_bounded(head):
    with Running() as service:
        attack = post(service, b"--x\r\n" + head + b"\r\nvalue\r\n--x--\r\n", FORM)
        assert service.victim() < 5
        attack.end()
        assert service.growth < 64 * MEBIBYTE
        assert service.metric('restore_refusals_total{code="broken_multipart"}') == 1


@pytest.mark.parametrize(
    "query",
    [
        "&".join(f"a{i}=" for i in range(8000)),
        "&".join(f"a{i}=" for i in range(MAX_PARTS)),
        "adapters=" + "a" * 50_000,
        "adapters=" + ",".join(f"a{i}:1" for i in range(5000)),
        "a" * 50_000 + "=1",
    ],
    ids=["8000 options", "32 options", "a long value", "5000 adapters", "a long name"],
)
def test_an_answer_about_options_is_short(plain, query):
    with plain.client() as client:
        answer = client.post(f"/restore?{query}", content=file_of(photo()), headers=PNG)
        assert answer.status_code == 422, answer.text
        problem = answer.json()
        assert len(problem.get("errors", [])) <= MAX_ERRORS
        assert len(problem["detail"]) < MAX_TEXT + 10
        assert len(answer.content) < (MAX_ERRORS + 2) * 2 * (MAX_TEXT + 50)


def half_sent(service: Running, **headers: str) -> socket.socket:
    """Send the head of a request and half of its body; return the connection."""
    body = file_of(photo())
    return sent(service, body, body[: len(body) // 2], **headers)


def sent(service: Running, body: bytes, part: bytes, **headers: str) -> socket.socket:
    """Send the head of a request and a part of its body; return the connection."""
    head = {**PNG, "Host": "service", "Content-Length": str(len(body)), **headers}
    lines = [f"{name}: {value}\r\n" for name, value in head.items()]
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE)
    text = "POST /restore HTTP/1.1\r\n" + "".join(lines) + "\r\n"
    connection.sendall(text.encode() + part)
    return connection


def answer_of(connection: socket.socket) -> bytes:
    """Return all that comes until the service closes the connection."""
    with connection, connection.makefile("rb") as stream:
        return stream.read()


def test_half_sent_bodies_do_not_keep_the_service_from_ending_well():
    with Running(grace_seconds=4) as service:
        connections = [half_sent(service) for _ in range(40)]
        service.until("restore_held_bytes", 40 * (len(file_of(photo())) // 2))
        seconds = service.terminate()
        assert service.process.returncode == 0, "".join(service.log)
        assert 2 < seconds < 12
        for connection in connections:
            answer = answer_of(connection)
            assert answer.startswith(b"HTTP/1.1 503 "), answer
            assert b'"code": "draining"' in answer


def test_a_body_that_stops_coming_in_is_cut_off():
    with Running(upload_pause_seconds=0.5) as service:
        connections = [half_sent(service) for _ in range(40)]
        for connection in connections:
            answer = answer_of(connection)
            assert answer.startswith(b"HTTP/1.1 408 "), answer
            assert b'"code": "upload_stalled"' in answer
        assert service.metric("restore_held_bytes") == 0
        assert service.victim() < 5


def test_half_sent_bodies_count_as_their_keys_requests():
    with Running(api_keys="one,two", key_requests=3) as service:
        mine = {"X-API-Key": "one"}
        connections = [half_sent(service, **mine) for _ in range(3)]
        service.until("restore_held_bytes", 3 * (len(file_of(photo())) // 2), **mine)
        attacks = [post(service, file_of(photo()), {**PNG, **mine}) for _ in range(10)]
        assert {problem(attack) for attack in attacks} == {(429, "key_limit")}
        assert service.victim(**{"X-API-Key": "two"}) < 5
        for connection in connections:
            connection.close()
        service.until("restore_held_bytes", 0, **mine)
        assert service.victim(**mine) < 5


@pytest.mark.parametrize("wish", ["jpeg", "png", "webp", "avif", "jxl"])
def test_what_is_reserved_is_enough_for_a_picture(wish):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    data = file_of(pixels, "JPEG", quality=90)
    memory = restore_bytes(
        read_header(data), encoding=wish, quality=92, as_json=False, with_map=False
    )
    with Running(queue_memory_bytes=memory) as service:
        with service.client() as client:
            answer = client.post(f"/restore?format={wish}", content=data, headers=PNG)
        assert answer.status_code == 200, answer.text
        assert service.growth < memory + 48 * MEBIBYTE  # a worker, and what belongs to no picture
    with Running(queue_memory_bytes=memory - 1) as service:
        refused = post(service, data, {**PNG, "Accept": f"image/{wish}"})
        assert problem(refused) == (413, "costly_image")
