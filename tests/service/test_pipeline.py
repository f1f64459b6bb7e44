"""What one picture goes through, and where: the event loop does nothing but wait."""

import asyncio
import re
import threading
import time

import pytest

from model.pictures import decode
from service import pipeline
from tools.fakes import file_of, photo, until

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

    for name in ("read_header", "encode_restored", "encode_map"):
        note(pipeline, name)
    note(decoders, "decode")
    for name in ("prepare", "describe", "spatial_weights", "restore", "segment"):
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
        ("spatial_weights", "codec_"),
        ("restore", "device-"),
        ("encode_restored", "codec_"),
        ("encode_map", "codec_"),
    }


async def test_the_loop_stays_free_while_the_device_works(serving, engine):
    async with serving() as client:
        engine.gate.clear()
        waiting = asyncio.create_task(
            client.post("/restore", content=file_of(photo()), headers=PNG)
        )
        await until(lambda: client.service.state.batcher.busy_seconds)
        for _ in range(20):
            assert (await client.get("/healthz")).status_code == 200
        assert not waiting.done()
        engine.gate.set()
        assert (await waiting).status_code == 200


async def timings(client, count, pixels):
    """Send pictures at once; return what each was told of its stages, and the time of all."""
    began = time.monotonic()
    calls = [client.post("/restore", content=file_of(pixels), headers=PNG) for _ in range(count)]
    answers = await asyncio.gather(*calls)
    found = [
        dict(re.findall(r"(\w+);dur=([\d.]+)", one.headers["server-timing"])) for one in answers
    ]
    seconds = [{name: float(ms) / 1000 for name, ms in one.items()} for one in found]
    return seconds, time.monotonic() - began


async def test_decoding_is_told_without_the_time_waited_for_a_thread(serving, decoders):
    def slow(data, **options):
        time.sleep(0.2)
        return decode(data, **options)

    decoders.function = slow
    async with serving(decode_threads=1) as client:
        stages, elapsed = await timings(client, 3, photo())
    assert 0.6 <= sum(one["decode"] for one in stages) <= elapsed
    assert sum(one["queue"] for one in stages) > 0.5  # 0.2 and 0.4


async def test_waiting_for_the_device_is_told_of_all_tiles(serving, engine):
    engine.delay = 0.05
    async with serving(max_batch_items=1) as client:  # the device runs one batch at a time
        stages, elapsed = await timings(client, 2, photo(128, 192))
    assert 2 * 6 * 0.05 <= sum(one["restore"] for one in stages) <= elapsed
    assert sum(one["queue"] for one in stages) > 5 * 0.05
