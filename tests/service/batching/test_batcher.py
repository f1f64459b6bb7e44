import asyncio
import threading
import time

import pytest

from service.batching.batcher import QueueFullError
from service.batching.units import StartReason, Unit
from tests.service.batching.helpers import Device, enqueue, running, submit, values
from tools.fakes import until

pytestmark = pytest.mark.anyio


@pytest.fixture
def device():
    return Device()


async def test_an_idle_device_takes_what_is_there_at_once(device):
    async with running(device.run, max_wait=30) as batcher:
        answer = await batcher.submit(Unit(3, "a", 1))
    assert answer.value == 6
    assert answer.waited < 10
    assert batcher.seen[0].reason is StartReason.IDLE


async def test_what_gathers_while_the_device_is_busy_leaves_together(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = await enqueue(batcher, [1, 2, 3])
        device.gate.set()
        assert await values([held, *tasks]) == [2000, 2, 4, 6]
    assert device.batches == [[1000], [1, 2, 3]]
    assert batcher.seen[1].reason is StartReason.FREED
    assert (batcher.seen[1].units, batcher.seen[1].cost) == (3, 3)


async def test_a_full_batch_leaves_at_once(device):
    async with running(device.run, max_wait=30) as batcher:
        held = await device.hold(batcher)
        tasks = await enqueue(batcher, range(4))
        device.gate.set()
        await values([held, *tasks])
    assert [len(batch) for batch in device.batches] == [1, 4]
    assert batcher.seen[1].reason is StartReason.FULL


async def test_a_device_that_was_busy_waits_for_more_units_for_max_wait(device, monkeypatch):
    monkeypatch.setattr("service.batching.batcher.BEAT", 60.0)  # so that nothing else ends the wait
    async with running(device.run, max_wait=0.2) as batcher:
        await batcher.submit(Unit(1, "a", 1))
        freed = time.monotonic()
        second = await batcher.submit(Unit(2, "a", 1))
    assert batcher.seen[1].reason is StartReason.TIMEOUT
    assert second.began - freed > 0.1
    assert second.waited < 30


async def test_cost_bounds_a_batch(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = await enqueue(batcher, range(3), cost=50)
        device.gate.set()
        await values([held, *tasks])
    assert [len(batch) for batch in device.batches] == [1, 2, 1]


async def test_units_with_different_keys_never_mix_and_the_oldest_goes_first(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = [
            *await enqueue(batcher, [1], "a"),
            *await enqueue(batcher, [2], "b"),
            *await enqueue(batcher, [3], "a"),
        ]
        device.gate.set()
        await values([held, *tasks])
    assert device.batches == [[1000], [1, 3], [2]]


async def test_the_time_of_arrival_decides_the_order(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        late = await enqueue(batcher, [1], "a")
        early = await enqueue(batcher, [2], "b", arrived_at=0.0)
        device.gate.set()
        await values([held, *late, *early])
    assert device.batches == [[1000], [2], [1]]


async def test_a_device_with_two_threads_runs_two_batches_at_once(device):
    threads = {}

    def run(items, count):
        threads[items[0]] = count
        return device.run(items)

    async with running(run, threads=2) as batcher:
        held = await device.hold(batcher)  # alone, it gets both threads
        waiting = await enqueue(batcher, [1, 2, 3], "a") + await enqueue(batcher, [4], "b")
        assert batcher.free_threads == 0
        device.gate.set()
        assert await values([held, *waiting]) == [2000, 2, 4, 6, 8]
        assert batcher.free_threads == 2
    assert device.batches[0] == [1000]
    assert sorted(map(sorted, device.batches[1:])) == [[1, 2], [3], [4]]
    assert threads[1000] == 2
    assert threads[1] == threads[3] == 1


async def test_a_free_thread_takes_new_units_while_another_is_busy():
    gates = {1: threading.Event(), 2: threading.Event(), 3: threading.Event()}
    begun = []

    def run(items, _threads):
        begun.append(items)
        assert gates[items[0]].wait(30)
        return items

    async with running(run, threads=2, max_wait=0) as batcher:
        slow, quick = submit(batcher, [1, 2], "a")
        gates[2].set()
        assert (await quick).value == 2
        (later,) = submit(batcher, [3], "a")
        await until(lambda: [3] in begun)
        assert not slow.done()
        gates[1].set()
        gates[3].set()
        assert await values([slow, later]) == [1, 3]


async def test_the_seconds_of_a_batch_are_of_its_share_of_the_device(device):
    async with running(device.run, threads=2) as batcher:
        device.gate.clear()
        waiting, began = submit(batcher, [1, 2], "a"), time.monotonic()
        await until(lambda: batcher.busy_seconds > 0.1)
        device.gate.set()
        await values(waiting)
        elapsed = time.monotonic() - began
    assert len(batcher.seen) == 2
    assert 0.05 <= sum(batch.seconds for batch in batcher.seen) <= elapsed


async def test_a_unit_that_continues_a_picture_finds_room_in_a_full_queue(device):
    async with running(device.run, max_queued=1) as batcher:
        held = await device.hold(batcher)
        waiting = await enqueue(batcher, [1])
        with pytest.raises(QueueFullError):
            await batcher.submit(Unit(2, "a", 1))
        continuing = await enqueue(batcher, [3], continues=True)
        device.gate.set()
        assert await values([held, *waiting, *continuing]) == [2000, 2, 6]


async def test_a_failing_batch_is_bisected_until_only_the_bad_unit_fails(device):
    device.bad = {2: ValueError("bad")}
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = await enqueue(batcher, range(4))
        device.gate.set()
        await held
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert batcher.alive
    assert [getattr(result, "value", None) for result in results] == [0, 2, None, 6]
    assert isinstance(results[2], ValueError)
    assert device.batches[1:] == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]


async def test_a_unit_may_have_its_own_error():
    def run(items, _threads):
        return [KeyError(item) if item == 1 else item for item in items]

    async with running(run) as batcher:
        with pytest.raises(KeyError):
            await batcher.submit(Unit(1, "a", 1))
        assert (await batcher.submit(Unit(2, "a", 1))).value == 2


@pytest.mark.parametrize("count", [0, 2])
async def test_a_wrong_number_of_answers_is_an_error(count):
    async with running(lambda _items, _threads: [0] * count) as batcher:
        with pytest.raises(RuntimeError, match=f"{count} results for a batch of 1"):
            await batcher.submit(Unit(1, "a", 1))
        assert batcher.alive


async def test_a_full_queue_refuses(device):
    async with running(device.run, max_queued=2) as batcher:
        held = await device.hold(batcher)
        tasks = await enqueue(batcher, [1, 2])
        with pytest.raises(QueueFullError):
            await batcher.submit(Unit(3, "a", 1))
        device.gate.set()
        assert await values([held, *tasks]) == [2000, 2, 4]


async def test_a_cancelled_caller_frees_the_place(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        gone, stays = await enqueue(batcher, [1, 2], cost=5)
        assert batcher.queued_cost == 10
        gone.cancel()
        await asyncio.wait([gone])
        assert (batcher.queued_units, batcher.queued_cost) == (1, 5)
        device.gate.set()
        assert await values([held, stays]) == [2000, 4]
    assert device.batches == [[1000], [2]]


async def test_a_caller_cancelled_while_running_harms_nobody(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        held.cancel()
        await asyncio.wait([held])
        device.gate.set()
        assert (await batcher.submit(Unit(1, "a", 1))).value == 2


async def test_a_passed_deadline_is_told_without_running(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        deadline = time.monotonic() + 0.01
        late = asyncio.create_task(batcher.submit(Unit(1, "a", 1), deadline=deadline))
        await until(lambda: batcher.queued_units == 1)
        await until(lambda: time.monotonic() > deadline)
        device.gate.set()
        await held
        with pytest.raises(TimeoutError):
            await late
    assert device.batches == [[1000]]
