"""What a soak showed, and whether it was well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MOST_SLOPE = 1.0
"""Growth of the memory that is still flat, MB a minute."""
WARM_UP = 1 / 4
"""Share of the time before memory is looked at."""


@dataclass(frozen=True, kw_only=True)
class Soak:
    """One run.

    Attributes:
        minutes: How long.
        callers: How many at a time.
        outcomes: How often each thing happened.
        lost: Requests that weren't answered as they should have been.
        memory: Seconds since the start and resident memory, MB.
        resting: The same at the moments when nobody asked.
        left: Gauges that should be zero when nobody asks, and what they were.
        exit_code: Of the service after SIGTERM.
    """

    minutes: float
    callers: int
    outcomes: Mapping[str, int]
    lost: Sequence[str]
    memory: Sequence[tuple[float, float]]
    resting: Sequence[tuple[float, float]]
    left: Mapping[str, float]
    exit_code: int

    @property
    def slope(self) -> float:
        """Growth of the resting memory after the warm-up, MB a minute, by least squares.

        At rest, since what pictures take while they are restored is no growth and hides it.
        """
        last = self.resting[-1][0]
        late = np.array([one for one in self.resting if one[0] >= last * WARM_UP])
        return float(np.polyfit(late[:, 0] / 60, late[:, 1], 1)[0])

    def faults(self) -> list[str]:
        """Return what wasn't well; nothing if all was."""
        told = [f"{len(self.lost)} requests lost, such as: {self.lost[0]}"] if self.lost else []
        told += [f"{name} is {value:g}" for name, value in self.left.items() if value]
        if self.exit_code:
            told.append(f"exit code {self.exit_code}")
        if self.slope > MOST_SLOPE:
            told.append(f"memory grows by {self.slope:.2f} MB a minute")
        return told

    def write(self, path: Path, facts: Mapping[str, str]) -> None:
        """Write the page."""
        megabytes = [value for _, value in self.memory]
        rows = {
            **facts,
            "minutes": f"{self.minutes:g}",
            "callers at a time": str(self.callers),
            **{name: str(count) for name, count in sorted(self.outcomes.items())},
            "lost": str(len(self.lost)),
            "memory, least / most": f"{min(megabytes):.0f} / {max(megabytes):.0f} MB",
            "memory at rest, MB": " ".join(f"{value:.0f}" for _, value in self.resting),
            "its slope after a quarter of the time": f"{self.slope:+.2f} MB a minute",
            **{f"{name} afterwards": f"{value:g}" for name, value in self.left.items()},
            "exit code after SIGTERM": str(self.exit_code),
        }
        lines = [
            "# Soak",
            "",
            "Written by `make soak`. Callers send pictures of random sizes and kinds, ask for",
            "maps, and use random options. A third of them hang up. From time to time all pause.",
            "A slope below 1 MB a minute counts as flat; a short run is still warming up.",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in rows.items()),
            "",
            "Not well: " + "; ".join(self.faults()) if self.faults() else "All was well.",
        ]
        path.write_text("\n".join(lines) + "\n")
