"""What one picture goes through, and where: the event loop does nothing but wait."""

import asyncio
import threading

import pytest

from service import pipeline
from tests.service.fakes import file_of, photo, until

pytestmark = pytest.mark.anyio

PNG = {"Content-Type": "image/png"}


async def test_no_work_is_done_in_the_event_loop(serving, engine, decoders, monkeypatch):
    seen = set()

    def note(owner, name):
        function = getattr(owner, name)

        def noted(*args, **options):
            seen.add((name, threading.current_thread().name.rstrip("0123456789")))
            return function(*args, **options)

        monkeypatch.setattr(owner, name, noted)

    for name in ("read_header", "restored_answer", "map_answer"):
        note(pipeline, name)
    note(decoders, "decode")
    for name in ("prepare", "describe", "lead", "restore", "segment"):
        note(engine, name)
    async with serving() as client:
        for path in ("/restore?blend=pixel", "/degradation-map"):
            assert (await client.post(path, content=file_of(photo()), headers=PNG)).is_success
    assert seen == {
        ("read_header", "header_"),
        ("decode", "codec_"),
        ("prepare", "codec_"),
        ("describe", "device-"),
        ("segment", "device-"),
        ("lead", "codec_"),
        ("restore", "device-"),
        ("restored_answer", "codec_"),
        ("map_answer", "codec_"),
    }


async def test_the_loop_stays_free_while_the_device_works(serving, engine):
    async with serving() as client:
        engine.gate.clear()
        waiting = asyncio.create_task(
            client.post("/restore", content=file_of(photo()), headers=PNG)
        )
        await until(lambda: client.lifecycle.batcher.busy_seconds)
        for _ in range(20):
            assert (await client.get("/healthz")).status_code == 200
        assert not waiting.done()
        engine.gate.set()
        assert (await waiting).status_code == 200
