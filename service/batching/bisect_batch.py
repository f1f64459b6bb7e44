"""Bisecting of a failed batch: one bad item does not make the others fail."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from service.concurrency.serial_thread import storable

In = TypeVar("In")
Out = TypeVar("Out")


def bisect_batch(
    run: Callable[[list[In]], Sequence[Out | Exception]],
    items: list[In],
    fatal: tuple[type[BaseException], ...],
) -> list[Out | Exception]:
    """Run a batch. If it fails, run its halves, down to the items that fail alone.

    Args:
        run: Runs some items. It returns one result or exception per item, or raises for all.
        items: The batch.
        fatal: Exceptions after which nothing can be run any more. They are raised.

    Returns:
        One result or exception per item, in their order.
    """
    try:
        results = list(run(items))
        if len(results) != len(items):
            raise RuntimeError(f"{len(results)} results for a batch of {len(items)}")
        return results
    except fatal:
        raise
    except Exception as error:  # noqa: BLE001 - it becomes the answer of the item that caused it
        if len(items) == 1:
            return [storable(error)]
    half = len(items) // 2
    return [*bisect_batch(run, items[:half], fatal), *bisect_batch(run, items[half:], fatal)]
