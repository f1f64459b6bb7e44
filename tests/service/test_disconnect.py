"""Callers who hang up cost nothing; spoken to in plain ASGI, as a server would."""

import asyncio
import threading

import pytest

from model.pictures import decode
from tools.fakes import file_of, photo, until

pytestmark = pytest.mark.anyio


class Caller:
    """One request whose caller may hang up."""

    def __init__(self, app, messages):
        self.sent = []
        self._incoming: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        for message in messages:
            self._incoming.put_nowait(message)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/restore",
            "raw_path": b"/restore",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"content-type", b"image/png")],
            "client": ("127.0.0.1", 1),
            "server": ("service", 80),
        }
        self.task = asyncio.create_task(app(scope, self._incoming.get, self._send))

    async def _send(self, message):
        self.sent.append(message)

    def hang_up(self):
        self._incoming.put_nowait({"type": "http.disconnect"})


def body(data, *, more=False):
    return {"type": "http.request", "body": data, "more_body": more}


async def test_hanging_up_while_waiting_frees_the_place(serving, engine):
    async with serving() as client:
        service = client.service
        engine.gate.clear()
        first = Caller(client.app, [body(file_of(photo()))])
        await until(lambda: service.state.batcher.busy_seconds)
        others = [Caller(client.app, [body(file_of(photo()))]) for _ in range(5)]
        await until(lambda: service.state.batcher.queued_units == 5)
        for caller in others:
            caller.hang_up()
        await asyncio.gather(*(caller.task for caller in others))
        assert service.state.batcher.queued_units == 0
        assert service.admission.in_flight == 1
        assert service.admission.pixels.reserved == 40 * 56
        engine.gate.set()
        await first.task
        assert first.sent[0]["status"] == 200
        assert engine.batches.count(("describe", 1)) == 1
        gone = service.metrics.registry.get_sample_value(
            "restore_requests_total", {"endpoint": "/restore", "status": "499"}
        )
        assert gone == 5


async def test_hanging_up_while_its_batch_runs_harms_nobody(serving, engine):
    async with serving() as client:
        engine.gate.clear()
        caller = Caller(client.app, [body(file_of(photo()))])
        await until(lambda: client.service.state.batcher.busy_seconds)
        caller.hang_up()
        await caller.task
        assert client.service.admission.in_flight == 0
        engine.gate.set()
        headers = {"Content-Type": "image/png"}
        answer = await client.post("/restore", content=file_of(photo()), headers=headers)
        assert answer.status_code == 200


async def test_hanging_up_while_sending_frees_the_bytes(serving):
    async with serving() as client:
        caller = Caller(client.app, [body(b"\x89PNG half", more=True)])
        await until(lambda: client.service.admission.bytes.reserved)
        caller.hang_up()
        await caller.task
        assert client.service.admission.bytes.reserved == 0


async def test_hanging_up_before_decoding_frees_the_place_and_spares_the_work(serving, decoders):
    gate, decoded = threading.Event(), []

    def slow(data, **options):
        decoded.append(len(data))
        assert gate.wait(30)
        return decode(data, **options)

    decoders.function = slow
    async with serving(decode_threads=1) as client:
        first = Caller(client.app, [body(file_of(photo()))])
        await until(lambda: decoded)
        second = Caller(client.app, [body(file_of(photo(90, 90)))])
        await until(lambda: client.service.admission.in_flight == 2)
        second.hang_up()
        await second.task
        assert client.service.admission.pixels.reserved == 40 * 56
        gate.set()
        await first.task
        assert first.sent[0]["status"] == 200
    assert len(decoded) == 1
