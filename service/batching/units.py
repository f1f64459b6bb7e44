"""Units of work: what callers submit, what they get back, and what is reported of each batch."""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Unit(Generic[In]):
    """One piece of work.

    Attributes:
        item: What the device gets.
        batch_key: Units with equal keys may share a batch.
        cost: How much the unit adds to the cost of its batch, at least 0.
        arrived_at: The time that decides its place in the queue; None: when it is submitted.
        continues: Whether the unit belongs to a picture that was accepted before. Such a unit is
            never refused because the queue is full.
    """

    item: In
    batch_key: Hashable
    cost: int
    arrived_at: float | None = None
    continues: bool = False


@dataclass(frozen=True)
class UnitResult(Generic[In, Out]):
    """What the caller of a unit gets.

    Attributes:
        value: The result.
        item: What the device got.
        waited: Seconds that the unit waited in the queue.
        began: When its batch began, by the batcher's clock.
        ran: Seconds that its batch took.
    """

    value: Out
    item: In
    waited: float
    began: float
    ran: float


class StartReason(StrEnum):
    """Why a batch was started."""

    FULL = "full"  # no further unit fits
    IDLE = "idle"  # the device had nothing to do
    FREED = "freed"  # the device came free, and the oldest unit had waited long enough
    TIMEOUT = "timeout"  # the batch waited for more units for as long as the policy allows
    DRAIN = "drain"  # the batcher is closing


@dataclass(frozen=True)
class BatchReport:
    """What the observer gets for each batch after its units were answered.

    Attributes:
        batch_key: The key that the units share.
        reason: Why the batch was started.
        units: Number of units in the batch.
        cost: Sum of the units' costs.
        seconds: Seconds that the batch ran, times its share of the device's threads.
    """

    batch_key: Hashable
    reason: StartReason
    units: int
    cost: int
    seconds: float
