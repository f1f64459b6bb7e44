import asyncio
import threading
import time

import pytest

from service.batching.batcher import MicroBatcher, QueueFullError
from service.batching.submit_in_turn import take_turns
from service.batching.unit_queue import Reason, Unit
from service.concurrency.serial_thread import SerialThread
from tests.service.batching.helpers import Device, running, submit, values
from tools.fakes import until

pytestmark = pytest.mark.anyio


@pytest.fixture
def device():
    return Device()


def turns(items, bucket):
    return [lambda item=item: [Unit(item, bucket, 1)] for item in items]


async def test_an_idle_device_takes_what_is_there_at_once(device):
    async with running(device.run, max_wait=30) as batcher:
        answer = await batcher.submit(Unit(3, "a", 1))
    assert answer.value == 6
    assert answer.waited < 10
    assert batcher.seen[0].reason is Reason.IDLE


async def test_what_gathers_while_the_device_is_busy_leaves_together(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = submit(batcher, [1, 2, 3])
        await asyncio.sleep(0.01)
        device.gate.set()
        assert await values([held, *tasks]) == [2000, 2, 4, 6]
    assert device.batches == [[1000], [1, 2, 3]]
    assert batcher.seen[1].reason is Reason.FREED
    assert (batcher.seen[1].items, batcher.seen[1].cost) == (3, 3)


async def test_a_full_batch_leaves_at_once(device):
    async with running(device.run, max_wait=30) as batcher:
        held = await device.hold(batcher)
        tasks = submit(batcher, range(4))
        await asyncio.sleep(0.01)
        device.gate.set()
        await values([held, *tasks])
    assert [len(batch) for batch in device.batches] == [1, 4]
    assert batcher.seen[1].reason is Reason.FULL


async def test_companions_are_awaited_no_longer_than_max_wait(device):
    async with running(device.run, max_wait=0.05) as batcher:
        await batcher.submit(Unit(1, "a", 1))
        began = time.monotonic()
        await batcher.submit(Unit(2, "a", 1))
        assert time.monotonic() - began < 10
    assert batcher.seen[1].reason is Reason.TIMEOUT


async def test_cost_bounds_a_batch(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = submit(batcher, range(3), cost=50)
        await asyncio.sleep(0.01)
        device.gate.set()
        await values([held, *tasks])
    assert [len(batch) for batch in device.batches] == [1, 2, 1]


async def test_buckets_never_mix_and_the_oldest_goes_first(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = [*submit(batcher, [1], "a"), *submit(batcher, [2], "b"), *submit(batcher, [3], "a")]
        await asyncio.sleep(0.01)
        device.gate.set()
        await values([held, *tasks])
    assert device.batches == [[1000], [1, 3], [2]]


async def test_since_decides_whose_turn_it_is(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        late = submit(batcher, [1], "a")
        early = [asyncio.create_task(batcher.submit(Unit(2, "b", 1, since=0.0)))]
        await asyncio.sleep(0.01)
        device.gate.set()
        await values([held, *late, *early])
    assert device.batches == [[1000], [2], [1]]


async def test_many_units_of_one_caller_let_others_in_between(device):
    async with running(device.run, max_items=1) as batcher:
        held = await device.hold(batcher)
        big = asyncio.create_task(take_turns(batcher.submit, turns(range(10), "big"), window=2))
        await asyncio.sleep(0.01)
        small = submit(batcher, [500], "small")
        await asyncio.sleep(0.01)
        device.gate.set()
        await values([held, *small])
        assert [answer.value for answer in await big] == [2 * item for item in range(10)]
    assert device.batches.index([500]) <= 3


async def test_a_turn_names_its_units_when_it_comes_and_hands_them_in_one_by_one(device):
    named = []

    def turn(*items):
        named.append(items)
        return [Unit(item, "big", 1) for item in items]

    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        big = asyncio.create_task(
            take_turns(batcher.submit, [lambda: turn(1, 2), lambda: turn(3)], window=1)
        )
        await asyncio.sleep(0.01)
        small = submit(batcher, [500], "small")
        await asyncio.sleep(0.01)
        assert named == [(1, 2)]
        device.gate.set()
        await values([held, *small])
        assert [answer.value for answer in await big] == [2, 4, 6]
    assert device.batches == [[1000], [1], [500], [2], [3]]
    assert named == [(1, 2), (3,)]


async def test_the_first_error_ends_a_callers_other_units(device):
    device.bad = {3: ValueError("bad")}
    async with running(device.run, max_items=1) as batcher:
        with pytest.raises(ValueError, match="bad"):
            await take_turns(batcher.submit, turns(range(50), "a"), window=2)
        assert batcher.queued_items == 0
    assert len(device.batches) < 10


async def test_a_device_with_lanes_runs_several_batches_at_once(device):
    lanes = {}

    def run(items, granted):
        lanes[items[0]] = granted
        return device.run(items)

    async with running(run, lanes=2) as batcher:
        held = await device.hold(batcher)  # alone, it gets all there is
        waiting = submit(batcher, [1, 2, 3], "a") + submit(batcher, [4], "b")
        await asyncio.sleep(0.01)
        assert batcher._lanes.free == 0
        device.gate.set()
        assert await values([held, *waiting]) == [2000, 2, 4, 6, 8]
        assert batcher._lanes.free == 2
    assert device.batches[0] == [1000]
    assert sorted(map(sorted, device.batches[1:])) == [[1, 2], [3], [4]]
    assert lanes[1000] == 2
    assert lanes[1] == lanes[3] == 1


async def test_a_lane_that_is_free_takes_what_comes_while_another_is_busy():
    gates = {1: threading.Event(), 2: threading.Event(), 3: threading.Event()}
    begun = []

    def run(items, _lanes):
        begun.append(items)
        assert gates[items[0]].wait(30)
        return items

    async with running(run, lanes=2, max_wait=0) as batcher:
        slow, quick = submit(batcher, [1, 2], "a")
        gates[2].set()
        assert (await quick).value == 2
        (later,) = submit(batcher, [3], "a")
        await until(lambda: [3] in begun)
        assert not slow.done()
        gates[1].set()
        gates[3].set()
        assert await values([slow, later]) == [1, 3]


async def test_a_batch_takes_no_more_of_the_device_than_its_lanes(device):
    async with running(device.run, lanes=2) as batcher:
        device.gate.clear()
        waiting, began = submit(batcher, [1, 2], "a"), time.monotonic()
        await asyncio.sleep(0.1)
        device.gate.set()
        await values(waiting)
        elapsed = time.monotonic() - began
    assert len(batcher.seen) == 2
    assert 0.05 <= sum(batch.seconds for batch in batcher.seen) <= elapsed


async def test_what_follows_finds_room_in_a_full_queue(device):
    async with running(device.run, max_queued=1) as batcher:
        held = await device.hold(batcher)
        waiting = submit(batcher, [1])
        await asyncio.sleep(0.01)
        with pytest.raises(QueueFullError):
            await batcher.submit(Unit(2, "a", 1))
        following = asyncio.create_task(batcher.submit(Unit(3, "a", 1, follows=True)))
        await asyncio.sleep(0.01)
        device.gate.set()
        assert await values([held, *waiting, following]) == [2000, 2, 6]


async def test_a_failing_batch_is_halved_until_only_the_bad_unit_fails(device):
    device.bad = {2: ValueError("bad")}
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        tasks = submit(batcher, range(4))
        await asyncio.sleep(0.01)
        device.gate.set()
        await held
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert batcher.alive
    assert [getattr(result, "value", None) for result in results] == [0, 2, None, 6]
    assert isinstance(results[2], ValueError)
    assert device.batches[1:] == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]


async def test_a_unit_may_have_its_own_error():
    def run(items, _lanes):
        return [KeyError(item) if item == 1 else item for item in items]

    async with running(run) as batcher:
        with pytest.raises(KeyError):
            await batcher.submit(Unit(1, "a", 1))
        assert (await batcher.submit(Unit(2, "a", 1))).value == 2


@pytest.mark.parametrize("count", [0, 2])
async def test_a_wrong_number_of_answers_is_an_error(count):
    async with running(lambda _items, _lanes: [0] * count) as batcher:
        with pytest.raises(RuntimeError, match=f"{count} results for a batch of 1"):
            await batcher.submit(Unit(1, "a", 1))
        assert batcher.alive


async def test_a_full_queue_refuses(device):
    async with running(device.run, max_queued=2) as batcher:
        held = await device.hold(batcher)
        tasks = submit(batcher, [1, 2])
        await asyncio.sleep(0.01)
        with pytest.raises(QueueFullError):
            await batcher.submit(Unit(3, "a", 1))
        device.gate.set()
        assert await values([held, *tasks]) == [2000, 2, 4]


async def test_a_cancelled_caller_frees_the_place(device):
    async with running(device.run) as batcher:
        held = await device.hold(batcher)
        gone, stays = submit(batcher, [1, 2], cost=5)
        await asyncio.sleep(0.01)
        assert batcher.queued_cost == 10
        gone.cancel()
        await asyncio.wait([gone])
        assert (batcher.queued_items, batcher.queued_cost) == (1, 5)
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
        late = asyncio.create_task(
            batcher.submit(Unit(1, "a", 1), deadline=time.monotonic() + 0.01)
        )
        await asyncio.sleep(0.05)
        device.gate.set()
        await held
        with pytest.raises(TimeoutError):
            await late
    assert device.batches == [[1000]]


def test_senseless_limits_are_refused(device):
    with pytest.raises(ValueError, match="positive"):
        MicroBatcher(device.run, threads=[SerialThread("x")], max_cost=0, max_items=1)
