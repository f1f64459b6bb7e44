"""How a batcher ends, and what shows that it lives."""

import asyncio

import pytest
from structlog.testing import capture_logs

from service.batching.batcher import BatcherClosedError, MicroBatcher
from service.batching.unit_queue import Reason, Unit
from service.concurrency.serial_thread import SerialThread
from tests.service.batching.helpers import Device, FatalError, running, submit, values

pytestmark = pytest.mark.anyio


@pytest.fixture
def device():
    return Device()


async def test_close_finishes_what_waits(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = submit(batcher, [1, 2])
        await asyncio.sleep(0.01)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0.01)
        with pytest.raises(BatcherClosedError):
            await batcher.submit(Unit(3, "a", 1))
        device.gate.set()
        await closing
        assert all(task.done() for task in (held, *tasks))
        assert await values([held, *tasks]) == [2000, 2, 4]
        assert not batcher.alive
        assert batcher.failure is None
    assert batcher.seen[1].reason is Reason.DRAIN


async def test_close_without_finishing_refuses_what_waits_and_answers_what_runs(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = submit(batcher, [1, 2])
        await asyncio.sleep(0.01)
        closing = asyncio.create_task(batcher.close(finish=False))
        refused = await asyncio.gather(*tasks, return_exceptions=True)
        device.gate.set()
        await closing
        assert (await held).value == 2000
    assert all(isinstance(result, BatcherClosedError) for result in refused)


async def test_abandoning_tells_even_those_whose_batch_runs(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = submit(batcher, [1, 2])
        await asyncio.sleep(0.01)
        batcher.abandon()
        results = await asyncio.gather(held, *tasks, return_exceptions=True)
        assert all(isinstance(result, BatcherClosedError) for result in results)
        device.gate.set()
        await batcher.close()
        assert batcher.failure is None


async def test_a_fatal_error_of_the_device_ends_everything(device):
    device.bad = {1: FatalError("gone")}
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = submit(batcher, [1], "a") + submit(batcher, [2], "b")
        await asyncio.sleep(0.01)
        device.gate.set()
        await held
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, BatcherClosedError) for result in results)
        assert isinstance(batcher.failure, FatalError)
        assert not batcher.alive
        with pytest.raises(BatcherClosedError, match="died"):
            await batcher.submit(Unit(3, "a", 1))


async def test_a_dying_loop_tells_everybody_and_shows_it(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = submit(batcher, [1, 2])
        await asyncio.sleep(0.01)

        def broken():
            raise RuntimeError("a bug")

        batcher._drop_expired = broken
        device.gate.set()
        await held
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, BatcherClosedError) for result in results)
        assert str(batcher.failure) == "a bug"
        assert not batcher.alive


async def test_an_observer_that_fails_is_logged_and_harms_nobody(device):
    thread = SerialThread("device")

    def observe(batch):
        raise RuntimeError("no metrics")

    batcher = MicroBatcher(device.run, threads=[thread], max_cost=1, max_items=1, observe=observe)
    batcher.start()
    with capture_logs() as logs:
        for item in (1, 2):
            assert (await batcher.submit(Unit(item, "a", 1))).value == 2 * item
        await batcher.close()
    assert [line["event"] for line in logs] == ["the observer of batches failed"] * 2
    assert batcher.failure is None
    thread.stop()


async def test_the_heart_beats_while_idle_and_while_busy(device, monkeypatch):
    monkeypatch.setattr("service.batching.batcher.BEAT", 0.02)
    async with running(device.run) as batcher:
        await asyncio.sleep(0.1)
        assert batcher.heartbeat_age < 5
        before = batcher._beat_at
        held = await device.hold(batcher)
        await asyncio.sleep(0.1)
        assert batcher._beat_at > before
        assert batcher.busy_seconds > 0
        device.gate.set()
        await held
        assert batcher.busy_seconds == 0
