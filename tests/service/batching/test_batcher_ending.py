"""How a batcher ends, and what shows that it lives."""

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from service.batching.batcher import BatcherClosedError, MicroBatcher
from service.batching.policy import SchedulingPolicy
from service.batching.units import StartReason, Unit
from service.concurrency.serial_thread import SerialThread
from tests.service.batching.helpers import Device, FatalError, enqueue, running, values
from tools.fakes import until

pytestmark = pytest.mark.anyio


@pytest.fixture
def device():
    return Device()


async def test_close_finishes_what_waits(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = await enqueue(batcher, [1, 2])
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)  # the task begins: from now on units are refused
        with pytest.raises(BatcherClosedError):
            await batcher.submit(Unit(3, "a", 1))
        device.gate.set()
        await closing
        assert all(task.done() for task in (held, *tasks))
        assert await values([held, *tasks]) == [2000, 2, 4]
        assert not batcher.alive
        assert batcher.failure is None
    assert batcher.seen[1].reason is StartReason.DRAIN


async def test_close_without_finishing_refuses_what_waits_and_answers_what_runs(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = await enqueue(batcher, [1, 2])
        closing = asyncio.create_task(batcher.close(finish=False))
        refused = await asyncio.gather(*tasks, return_exceptions=True)
        device.gate.set()
        await closing
        assert (await held).value == 2000
    assert all(isinstance(result, BatcherClosedError) for result in refused)


async def test_abandoning_tells_even_those_whose_batch_runs(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = await enqueue(batcher, [1, 2])
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
        tasks = await enqueue(batcher, [1], "a") + await enqueue(batcher, [2], "b")
        device.gate.set()
        await held
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, BatcherClosedError) for result in results)
        assert isinstance(batcher.failure, FatalError)
        assert not batcher.alive
        with pytest.raises(BatcherClosedError, match="failed"):
            await batcher.submit(Unit(3, "a", 1))


async def test_an_error_of_the_loop_is_answered_to_everybody(device, monkeypatch):
    monkeypatch.setattr("service.batching.batcher.BEAT", 0.02)
    errors: list[RuntimeError] = []

    def clock():
        if errors:
            raise errors.pop()
        return time.monotonic()

    async with running(device.run, clock=clock) as batcher:
        held = await device.hold(batcher)
        tasks = await enqueue(batcher, [1, 2])
        errors.append(RuntimeError("a bug"))  # for the loop: nothing else asks for the time now
        results = await asyncio.gather(held, *tasks, return_exceptions=True)
        device.gate.set()
        assert all(isinstance(result, BatcherClosedError) for result in results)
        assert str(batcher.failure) == "a bug"
        assert not batcher.alive


async def test_an_observer_that_fails_is_logged_and_harms_nobody(device):
    thread = SerialThread("device")

    def observe(batch):
        raise RuntimeError("no metrics")

    policy = SchedulingPolicy(max_cost=1, max_units=1)
    batcher = MicroBatcher(device.run, threads=[thread], policy=policy, observe=observe)
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

        async def beats():
            before = time.monotonic()
            await until(lambda: time.monotonic() - batcher.heartbeat_age > before)

        await beats()
        held = await device.hold(batcher)
        await beats()
        assert batcher.busy_seconds > 0
        device.gate.set()
        await held
        assert batcher.busy_seconds == 0
