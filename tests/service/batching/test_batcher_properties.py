"""Whatever callers and the device do, everybody is answered exactly once."""

import asyncio
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from service.batching.batcher import BatcherClosedError, MicroBatcher, QueueFullError
from service.batching.policy import SchedulingPolicy
from service.batching.units import Unit
from service.concurrency.serial_thread import SerialThread


class BadItemError(Exception):
    pass


CALLER = st.fixed_dictionaries(
    {
        "key": st.integers(0, 2),
        "cost": st.integers(0, 6),
        "delay": st.sampled_from([0.0, 0.0, 0.001, 0.003]),
        "fate": st.sampled_from(["good", "good", "raises", "own error", "cancelled", "late"]),
    }
)


def run_slowly(items):
    """A device that takes time, fails a whole batch, or answers an item with an error."""
    time.sleep(0.0005)
    if any(fate == "raises" for _, fate in items):
        raise BadItemError
    return [BadItemError() if fate == "own error" else number for number, fate in items]


async def call(batcher, number, caller, closing_after):
    await asyncio.sleep(caller["delay"])
    deadline = time.monotonic() + 0.001 if caller["fate"] == "late" else None
    unit = Unit((number, caller["fate"]), caller["key"], caller["cost"])
    task = asyncio.create_task(batcher.submit(unit, deadline=deadline))
    if caller["fate"] == "cancelled":
        await asyncio.sleep(0.0007)
        task.cancel()
    try:
        answer = await asyncio.wait_for(task, 20)  # no answer at all would be the failure
    except asyncio.CancelledError:
        assert caller["fate"] == "cancelled"
    except BadItemError:
        assert caller["fate"] in ("raises", "own error")
    except TimeoutError:
        assert caller["fate"] == "late"
        assert task.done()
    except BatcherClosedError:
        assert closing_after is not None
    except QueueFullError:
        pass
    else:
        assert answer.value == number
        assert caller["fate"] in ("good", "cancelled", "late")


async def play(callers, threads, max_cost, max_items, max_wait, closing_after):
    workers, batches = [SerialThread(f"device-{number}") for number in range(threads)], []

    def run(items, _threads):
        batches.append(items)
        return run_slowly(items)

    batcher = MicroBatcher(
        run,
        threads=workers,
        policy=SchedulingPolicy(max_cost, max_items, max_wait, max_queued=20),
    )
    batcher.start()
    calls = [
        asyncio.create_task(call(batcher, number, caller, closing_after))
        for number, caller in enumerate(callers)
    ]
    if closing_after is not None:
        await asyncio.sleep(closing_after)
        await batcher.close(finish=bool(len(callers) % 2))
    await asyncio.gather(*calls)
    assert batcher.failure is None
    assert (batcher.queued_units, batcher.queued_cost) == (0, 0)
    await batcher.close()
    for thread in workers:
        thread.stop()
    assert all(len(items) <= max_items for items in batches)
    costs = {number: caller["cost"] for number, caller in enumerate(callers)}
    for items in batches:
        assert len(items) == 1 or sum(costs[number] for number, _ in items) <= max_cost


@settings(max_examples=60, deadline=None)
@given(
    callers=st.lists(CALLER, min_size=1, max_size=25),
    threads=st.integers(1, 3),
    max_cost=st.integers(1, 12),
    max_items=st.integers(1, 5),
    max_wait=st.sampled_from([0.0, 0.001]),
    closing_after=st.sampled_from([None, None, 0.0, 0.002]),
)
def test_everybody_is_answered_exactly_once(callers, **limits):
    asyncio.run(play(callers, **limits))
