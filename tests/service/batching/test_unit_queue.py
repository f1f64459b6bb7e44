import asyncio

import pytest

from service.batching.unit_queue import QueuedUnit, UnitQueue
from service.batching.units import Unit

pytestmark = pytest.mark.anyio


def queued(order, key="a", cost=1, arrived_at=0.0):
    return QueuedUnit(arrived_at, order, Unit(order, key, cost), 0.0, None, asyncio.Future())


def orders(units):
    return [unit.order for unit in units]


async def test_oldest_head_decides_the_key():
    queue = UnitQueue[int, int](max_cost=10, max_items=10)
    for entry in (
        queued(0, "a", arrived_at=3),
        queued(1, "b", arrived_at=1),
        queued(2, "a", arrived_at=2),
    ):
        queue.add(entry)
    assert orders(queue.take()) == [1]
    assert orders(queue.take()) == [2, 0]


async def test_a_batch_stays_within_cost_and_items():
    queue = UnitQueue[int, int](max_cost=10, max_items=3)
    for order, cost in enumerate([4, 4, 4, 1, 1, 1, 1]):
        queue.add(queued(order, cost=cost))
    assert orders(queue.take()) == [0, 1]
    assert orders(queue.take()) == [2, 3, 4]
    assert orders(queue.take()) == [5, 6]


async def test_a_unit_above_the_cost_goes_alone():
    queue = UnitQueue[int, int](max_cost=10, max_items=3)
    queue.add(queued(0, cost=50))
    assert queue.is_full()
    queue.add(queued(1, cost=1))
    assert queue.is_full()
    assert orders(queue.take()) == [0]


async def test_what_is_discarded_frees_its_place():
    queue = UnitQueue[int, int](max_cost=10, max_items=3)
    entries = [queued(order, cost=2) for order in range(3)]
    for entry in entries:
        queue.add(entry)
    queue.discard(entries[1])
    queue.discard(entries[1])
    assert (len(queue), queue.cost) == (2, 4)
    assert orders(queue.take()) == [0, 2]
    assert not queue
    queue.discard(entries[0])


async def test_clear_returns_everything():
    queue = UnitQueue[int, int](max_cost=10, max_items=3)
    queue.add(queued(0, "a"))
    queue.add(queued(1, "b"))
    assert sorted(orders(queue.clear())) == [0, 1]
    assert not queue
