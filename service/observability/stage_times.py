"""How long a picture spends in each stage: for ``Server-Timing``, reports and metrics."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageTimes:
    """Seconds that one picture spent in each stage. In ``queue`` it waited: for threads or device.

    The threads that work on a picture add to it one after the other, never two at once.
    """

    def __init__(self) -> None:
        self.seconds = {"decode": 0.0, "queue": 0.0}

    def add(self, stage: str, seconds: float) -> None:
        """Add seconds to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Measure how long the block runs, and add the seconds to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - began)

    @property
    def header(self) -> str:
        """The value of ``Server-Timing``, in milliseconds."""
        return ", ".join(f"{name};dur={value * 1000:.1f}" for name, value in self.seconds.items())

    def rounded(self) -> dict[str, float]:
        """Return the seconds, rounded to a tenth of a millisecond."""
        return {name: round(value, 4) for name, value in self.seconds.items()}
