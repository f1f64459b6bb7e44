"""Hostile requests to a service in a process of its own, beside somebody else's small picture."""

import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from service.errors import MAX_ERRORS, MAX_TEXT
from service.uploads import MAX_PARTS
from tests.service.fakes import file_of, photo
from tests.service.running import PATIENCE, PNG, Running

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


def post(service: Running, body: bytes, headers: dict[str, str], query: str = "") -> Attack:
    def send() -> httpx.Response:
        with service.client() as client:
            return client.post(f"/restore{query}", content=body, headers=headers)

    return Attack(send)


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
