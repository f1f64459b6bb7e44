import asyncio

import pytest

from service.batching.unit_queue import BucketQueue, Job, Unit

pytestmark = pytest.mark.anyio


def job(order, bucket="a", cost=1, since=0.0):
    return Job(since, order, Unit(order, bucket, cost), 0.0, None, asyncio.Future())


def orders(jobs):
    return [job.order for job in jobs]


async def test_oldest_head_decides_the_bucket():
    queue = BucketQueue[int, int](max_cost=10, max_items=10)
    for entry in (job(0, "a", since=3), job(1, "b", since=1), job(2, "a", since=2)):
        queue.add(entry)
    assert orders(queue.take()) == [1]
    assert orders(queue.take()) == [2, 0]


async def test_a_batch_stays_within_cost_and_items():
    queue = BucketQueue[int, int](max_cost=10, max_items=3)
    for order, cost in enumerate([4, 4, 4, 1, 1, 1, 1]):
        queue.add(job(order, cost=cost))
    assert orders(queue.take()) == [0, 1]
    assert orders(queue.take()) == [2, 3, 4]
    assert orders(queue.take()) == [5, 6]


async def test_a_unit_above_the_cost_goes_alone():
    queue = BucketQueue[int, int](max_cost=10, max_items=3)
    queue.add(job(0, cost=50))
    assert queue.is_full()
    queue.add(job(1, cost=1))
    assert queue.is_full()
    assert orders(queue.take()) == [0]


async def test_what_is_discarded_frees_its_place():
    queue = BucketQueue[int, int](max_cost=10, max_items=3)
    entries = [job(order, cost=2) for order in range(3)]
    for entry in entries:
        queue.add(entry)
    queue.discard(entries[1])
    queue.discard(entries[1])
    assert (len(queue), queue.cost) == (2, 4)
    assert orders(queue.take()) == [0, 2]
    assert not queue
    queue.discard(entries[0])


async def test_clear_returns_everything():
    queue = BucketQueue[int, int](max_cost=10, max_items=3)
    queue.add(job(0, "a"))
    queue.add(job(1, "b"))
    assert sorted(orders(queue.clear())) == [0, 1]
    assert not queue
