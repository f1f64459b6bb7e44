"""The worker threads of one device: which are free, and how many of them a batch gets.

A GPU has one worker thread; a CPU has one per core. Running several pictures at once, one per core,
is faster than running each on all cores, because cores then wait for each other. A batch that is
alone gets all free worker threads.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.concurrency.serial_thread import SerialThread


@dataclass(frozen=True, eq=False)
class ThreadLease:
    """The worker threads that one batch has while it runs.

    Attributes:
        threads: At least one. The first runs the batch; the others stay free for its computations.
        share: Their share of all worker threads, at most 1.
        began: When the batch got them, by the clock of ``WorkerThreads``.
    """

    threads: Sequence[SerialThread]
    share: float
    began: float


class WorkerThreads:
    """The worker threads of one device.

    Args:
        threads: At least one.
        clock: Returns the time in seconds.

    Raises:
        ValueError: If there is no thread.
    """

    def __init__(self, threads: Sequence[SerialThread], clock: Callable[[], float]) -> None:
        if not threads:
            raise ValueError("a device has at least one thread")
        self._clock, self._threads = clock, list(threads)
        self._free_since = dict.fromkeys(range(len(threads)), -math.inf)
        self._leases: dict[ThreadLease, list[int]] = {}

    @property
    def free(self) -> int:
        """Number of threads that no batch has."""
        return len(self._free_since)

    @property
    def freed_at(self) -> float:
        """Since when the thread has been free that has been free longest. One must be free."""
        return min(self._free_since.values())

    @property
    def busy_seconds(self) -> float:
        """Seconds that the oldest running batch has been running; 0 if no batch runs."""
        now = self._clock()
        return now - min((lease.began for lease in self._leases), default=now)

    def lease(self, waiting: int) -> ThreadLease:
        """Lease one of ``waiting`` equal parts of the free threads to a batch, at least one thread.

        The threads with the lowest numbers are leased first. torch keeps helper threads for every
        thread that ever computed with several; so few threads should do that.
        """
        taken = sorted(self._free_since)[: max(1, len(self._free_since) // waiting)]
        for number in taken:
            del self._free_since[number]
        threads = [self._threads[number] for number in taken]
        lease = ThreadLease(threads, len(taken) / len(self._threads), self._clock())
        self._leases[lease] = taken
        return lease

    def give_back(self, lease: ThreadLease) -> None:
        """Take the threads of a batch back after its end."""
        self._free_since |= dict.fromkeys(self._leases.pop(lease), self._clock())
