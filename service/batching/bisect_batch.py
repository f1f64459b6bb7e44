"""One bad item never fails its batch: what fails is halved until only the bad items fail."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from service.concurrency.serial_thread import storable

In = TypeVar("In")
Out = TypeVar("Out")
Run = Callable[[list[In]], Sequence[Out | Exception]]


def run_halving(
    run: Run[In, Out], items: list[In], fatal: tuple[type[BaseException], ...]
) -> list[Out | Exception]:
    """Run ``items`` and return one result or exception each; halve a batch that fails.

    Args:
        run: Returns one result or exception an item, or raises for all of them.
        items: A batch.
        fatal: What is raised on: nothing can be run after it.
    """
    try:
        results = list(run(items))
        if len(results) != len(items):
            raise RuntimeError(f"{len(results)} results for a batch of {len(items)}")
        return results
    except fatal:
        raise
    except Exception as error:  # noqa: BLE001 - becomes the answer of the item that caused it
        if len(items) == 1:
            return [storable(error)]
    half = len(items) // 2
    return [*run_halving(run, items[:half], fatal), *run_halving(run, items[half:], fatal)]
