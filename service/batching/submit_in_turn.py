"""Many units of one caller, handed in turn by turn, so that others' units come in between."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from service.batching.unit_queue import Answer, Unit

In = TypeVar("In")
Out = TypeVar("Out")


async def take_turns(
    submit: Callable[[Unit[In]], Awaitable[Answer[In, Out]]],
    turns: Sequence[Callable[[], Sequence[Unit[In]]]],
    *,
    window: int,
    instead: Callable[[In, Exception], Sequence[Unit[In]]] | None = None,
) -> list[Answer[In, Out]]:
    """Wait for the results of all units, in their order.

    Args:
        submit: Waits for the result of one unit.
        turns: Each names its units when its turn comes; they are handed in one by one.
        window: Most turns taken at a time, however many there are.
        instead: Names units to run instead of one that failed, or raises its exception.

    Raises:
        Exception: The first error, which cancels the rest.
    """
    gate = asyncio.Semaphore(window)

    async def run(unit: Unit[In]) -> list[Answer[In, Out]]:
        try:
            return [await submit(unit)]
        except Exception as error:
            if instead is None:
                raise
            units = instead(unit.item, error)
        return await run_each(units)

    async def run_each(units: Sequence[Unit[In]]) -> list[Answer[In, Out]]:
        return [answer for unit in units for answer in await run(unit)]

    async def take(turn: Callable[[], Sequence[Unit[In]]]) -> list[Answer[In, Out]]:
        async with gate:
            return await run_each(turn())

    if len(turns) == 1:  # at once: what was described is restored before others' next tiles
        return await run_each(turns[0]())
    tasks = [asyncio.create_task(take(turn)) for turn in turns]
    try:
        return [answer for answers in await asyncio.gather(*tasks) for answer in answers]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
