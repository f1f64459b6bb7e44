import asyncio
import threading

import pytest

from service.concurrency.serial_thread import SerialThread
from tools.fakes import until

pytestmark = pytest.mark.anyio


async def test_calls_run_in_one_thread_in_their_order():
    thread = SerialThread("one")
    seen: list[int] = []
    await asyncio.gather(*(thread.call(seen.append, number) for number in range(20)))
    names = {await thread.call(threading.get_ident) for _ in range(3)}
    thread.stop()
    assert seen == list(range(20))
    assert len(names) == 1
    assert names != {threading.get_ident()}


async def test_what_a_call_raises_reaches_its_caller():
    thread = SerialThread("one")
    with pytest.raises(ZeroDivisionError):
        await thread.call(lambda: 1 // 0)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await thread.call(lambda: next(iter([])))
    assert await thread.call(lambda: 7) == 7
    thread.stop()


async def test_a_cancelled_caller_does_not_disturb_the_next():
    thread, begun, gate = SerialThread("one"), threading.Event(), threading.Event()

    def wait():
        begun.set()
        assert gate.wait(30)

    waiting = asyncio.create_task(thread.call(wait))
    await until(begun.is_set)
    waiting.cancel()
    await asyncio.wait([waiting])
    gate.set()
    assert await thread.call(lambda: "next") == "next"
    thread.stop()
