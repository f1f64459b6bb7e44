"""What the service knows of one request while it works on it: the caller, and the picture."""

import time
from dataclasses import dataclass, field
from functools import partial

from service.concurrency.ongoing_work import OngoingWork
from service.concurrency.thread_pool import PoolRequest
from service.observability.stage_times import StageTimes


@dataclass(frozen=True)
class Caller:
    """What a request says beside its picture and options.

    Attributes:
        accept: Value of its ``Accept`` header.
        key: Digest of the key that it showed; empty if keys are off.
        deadline: Time of ``time.monotonic()`` after which the answer is of no use; None: never.
        ongoing: Its calls in threads. What was counted for the caller stays counted until the last
            of them has ended, even if the caller has left.
    """

    accept: str = ""
    key: str = ""
    deadline: float | None = None
    ongoing: OngoingWork = field(default_factory=OngoingWork, compare=False)


@dataclass(frozen=True)
class PictureRequest:
    """One picture on its way through the service.

    Attributes:
        caller: Who sent it.
        small: Whether it must not wait for large pictures.
        arrived_at: Time of ``time.monotonic()`` when its file was complete. It decides the place of
            its units in the queue.
        times: The time that it spends in each stage.
    """

    caller: Caller
    small: bool
    arrived_at: float = field(default_factory=time.monotonic)
    times: StageTimes = field(default_factory=StageTimes)

    def pool_request(self, stage: str | None = None) -> PoolRequest:
        """Return what a thread pool needs to know of this picture.

        Args:
            stage: The stage that the call's time counts for; None: the call measures it itself.
        """
        ran = _ignore if stage is None else partial(self.times.add, stage)
        waited = partial(self.times.add, "queue")
        return PoolRequest(self.small, self.caller.ongoing, waited=waited, ran=ran)


def _ignore(_seconds: float) -> None:
    """Measure nothing."""
