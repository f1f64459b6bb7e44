"""Length of a run, and the times between logging, saving and validating."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Budget:
    """When a run ends: after ``hours`` of training time or ``steps``, whichever is given.

    Attributes:
        hours: Training time, validation and saving left out.
        steps: Optimiser steps.
    """

    hours: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if (self.hours is None) == (self.steps is None):
            raise ValueError(f"give either hours or steps, got {self.hours} and {self.steps}")
        if (self.hours or self.steps or 0) <= 0:
            raise ValueError(f"hours or steps must be above 0, got {self.hours or self.steps or 0}")

    def progress(self, step: int, seconds: float) -> float:
        """Return the share of the budget that is used; 1 or more at the end."""
        if self.steps is not None:
            return step / self.steps
        assert self.hours is not None
        return seconds / (3600 * self.hours)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Times between what happens beside steps, in seconds of training time.

    Attributes:
        log: Seconds between lines of the CSV.
        save: Seconds between checkpoints.
        validate: Seconds between validations.
    """

    log: float = 30.0
    save: float = 180.0
    validate: float = 900.0
