"""Worker threads of one device (lanes): which are free, and how many of them a batch gets.

A GPU has one worker thread; a CPU has one per core. Running several pictures at once, one per core,
is faster than running each on all cores, because cores then wait for each other. A batch that is
alone gets all free worker threads.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.concurrency.serial_thread import SerialThread


@dataclass(frozen=True, eq=False)
class Lease:
    """What one batch was given.

    Attributes:
        threads: At least one; the first runs the batch, the others rest meanwhile.
        share: Of the device's threads, at most 1.
        began: When, by the lanes' clock.
    """

    threads: Sequence[SerialThread]
    share: float
    began: float


class Lanes:
    """The threads of one device.

    Args:
        threads: At least one.
        clock: Tells the time, seconds.

    Raises:
        ValueError: If there is none.
    """

    def __init__(self, threads: Sequence[SerialThread], clock: Callable[[], float]) -> None:
        if not threads:
            raise ValueError("a device has at least one thread")
        self._clock, self._threads = clock, list(threads)
        self._free = dict.fromkeys(range(len(threads)), -math.inf)  # since when
        self._leases: dict[Lease, list[int]] = {}

    @property
    def free(self) -> int:
        """How many no batch has."""
        return len(self._free)

    @property
    def freed_at(self) -> float:
        """When the one that has been free longest came free; there must be one."""
        return min(self._free.values())

    @property
    def busy_seconds(self) -> float:
        """Seconds that the batch which began first has been running; 0 if none is."""
        now = self._clock()
        return now - min((lease.began for lease in self._leases), default=now)

    def grant(self, waiting: int) -> Lease:
        """Give the next of ``waiting`` units its part of the free threads, at least one.

        The first ones go first: torch keeps helpers for every thread that ever had several, so it
        should be few that do.
        """
        taken = sorted(self._free)[: max(1, len(self._free) // waiting)]
        for lane in taken:
            del self._free[lane]
        threads = [self._threads[lane] for lane in taken]
        lease = Lease(threads, len(taken) / len(self._threads), self._clock())
        self._leases[lease] = taken
        return lease

    def give_back(self, lease: Lease) -> None:
        """Take a lease back: its batch has ended."""
        self._free |= dict.fromkeys(self._leases.pop(lease), self._clock())
