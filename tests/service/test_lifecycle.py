import asyncio
import gc
from dataclasses import replace

import pytest

from model.storage import checkpoint
from service.errors import DrainingError, NotReadyError, UnhealthyError
from service.lifecycle import Lifecycle
from service.loading import load_engine
from service.serial import SerialThread
from service.settings import Settings
from tests.model.conftest import make_network
from tools.fakes import FakeEngine, file_of, photo, until

pytestmark = pytest.mark.anyio
HEADERS = {"Content-Type": "image/png"}


async def hold(client, engine, *, waiting):
    """Keep the device busy with one picture and let others wait; returns their calls."""

    def call():
        return asyncio.create_task(
            client.post("/restore", content=file_of(photo()), headers=HEADERS)
        )

    engine.gate.clear()
    first = call()
    await until(lambda: client.lifecycle.batcher.busy_seconds)
    others = [call() for _ in range(waiting)]
    await until(lambda: client.lifecycle.batcher.queued_items == waiting)
    return [first, *others]


async def test_it_is_ready_once_the_model_is_warm():
    engine = FakeEngine()
    lifecycle = Lifecycle(Settings(), lambda _: engine)
    lifecycle.start()
    with pytest.raises(NotReadyError):
        lifecycle.pipeline()
    assert lifecycle.check_health() is None
    await lifecycle.loaded.wait()
    assert lifecycle.is_ready
    assert lifecycle.engine is engine
    assert lifecycle.check_health() is not None
    await lifecycle.stop()
    assert not lifecycle.is_ready
    with pytest.raises(DrainingError):
        lifecycle.pipeline()


async def test_it_may_be_stopped_before_it_was_ready():
    engine = FakeEngine()
    engine.gate.clear()
    lifecycle = Lifecycle(Settings(), lambda _: engine)
    engine.warm_up = engine.gate.wait  # type: ignore[method-assign]
    lifecycle.start()
    await asyncio.sleep(0.01)
    await lifecycle.stop()
    assert lifecycle.loaded.is_set()
    assert not lifecycle.is_ready
    engine.gate.set()


async def test_an_explicit_card_that_is_missing_breaks_it():
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    lifecycle = Lifecycle(Settings(device="cuda"), load_engine)
    lifecycle.start()
    await lifecycle.loaded.wait()
    assert lifecycle.is_broken
    assert "cuda" in str(lifecycle.failure)
    with pytest.raises(UnhealthyError):
        lifecycle.check_health()
    with pytest.raises(UnhealthyError):
        lifecycle.pipeline()
    await lifecycle.stop()


async def test_what_was_loaded_is_no_burden_to_the_garbage_collector(tmp_path):
    network = make_network()
    checkpoint.save_base(network, tmp_path, name="tiny", licence="", provenance={})
    checkpoint.save_estimator(network, tmp_path, provenance={})
    gc.unfreeze()
    try:
        engine = SerialThread("loads")  # gives way
        await engine.call(load_engine, Settings(model_path=tmp_path, device="cpu"))
        assert gc.get_freeze_count() > 10 * len(gc.get_objects())
    finally:
        engine.stop()
        gc.unfreeze()


async def test_a_device_with_two_lanes_works_on_two_pictures_at_once(serving, engine, monkeypatch):
    engine.info, engine.delay = replace(engine.info, lanes=2), 0.05
    worked = []
    async with serving(max_batch_items=1) as client:
        monkeypatch.setattr(client.lifecycle.admission, "worked", lambda *of: worked.append(of))
        engine.lanes.clear()
        calls = await hold(client, engine, waiting=2)  # the first has both lanes
        engine.gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
        read = client.lifecycle.registry.get_sample_value
        told = read("restore_batch_seconds_total", {"kind": "restore"})
        assert told == pytest.approx(sum(seconds for _, seconds in worked))
    assert engine.lanes[:3] == [2, 1, 1]
    assert engine.at_once == 2


async def test_abandoned_callers_are_told(serving, engine):
    async with serving() as client:
        calls = await hold(client, engine, waiting=2)
        client.lifecycle.abandon()
        answers = await asyncio.gather(*calls)
        assert [answer.json()["code"] for answer in answers] == ["draining"] * 3
        assert client.lifecycle.admission.in_flight == 0


async def test_a_silent_batcher_is_unhealthy(serving, monkeypatch):
    async with serving() as client:
        monkeypatch.setattr("service.lifecycle.MAX_HEARTBEAT_AGE", -1)
        with pytest.raises(UnhealthyError, match="moved"):
            client.lifecycle.check_health()


async def test_gauges_show_the_queue(serving, engine):
    async with serving() as client:
        calls = await hold(client, engine, waiting=3)
        read = client.lifecycle.registry.get_sample_value
        assert read("restore_queue_units") == 3
        assert read("restore_queue_pixels") == 3  # describing counts as one
        assert read("restore_device_used_bytes") == 1000
        assert read("restore_device_held_bytes") == 5000
        assert read("restore_reserved_pixels") == 4 * 40 * 56
        assert read("restore_requests_in_flight") == 4
        assert read("restore_held_bytes") == 4 * len(file_of(photo()))
        engine.gate.set()
        await asyncio.gather(*calls)
        assert read("restore_queue_units") == read("restore_queue_pixels") == 0


async def test_batches_are_counted_by_why_they_left(serving, engine):
    async with serving(max_batch_items=2) as client:
        calls = await hold(client, engine, waiting=3)
        engine.gate.set()
        await asyncio.gather(*calls)
        read = client.lifecycle.registry.get_sample_value
        for reason in ("idle", "full", "freed"):
            labels = {"kind": "describe", "reason": reason}
            assert read("restore_batches_total", labels) == 1


async def test_a_batch_holds_no_more_pixels_than_the_operator_allows(serving, engine):
    async with serving(max_batch_pixels=2 * 40 * 56) as client:
        calls = await hold(client, engine, waiting=8)
        engine.gate.set()
        await asyncio.gather(*calls)
    assert max(count for kind, count in engine.batches if kind == "restore") == 2


async def test_the_longest_wait_is_set_in_milliseconds(serving):
    async with serving(max_wait_ms=20) as client:
        assert client.lifecycle.batcher._max_wait == 0.02
