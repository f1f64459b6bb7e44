"""What a measurement is, and how the table is written."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import torch

NOTES = "## What limits each"
"""Heading of the part of the page that people write; it is kept."""


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        name: Word for programs.
        what: What was measured, for people.
        value: The number; None where it couldn't be measured.
        unit: ``ms``, ``s/MP``, ``ratio``, ``MiB``, ``s``, ``pictures/s`` or ``answers``.
        reach: What it should be, such as ``<= 1.05``; empty where nothing is promised.
        note: Why there is no number.
    """

    name: str
    what: str
    value: float | None
    unit: str
    reach: str = ""
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether ``reach`` is met; None where nothing is promised or measured."""
        if not self.reach or self.value is None:
            return None
        sign, limit = self.reach.split()
        return self.value <= float(limit) if sign == "<=" else self.value >= float(limit)

    @property
    def verdict(self) -> str:
        """What ``reached`` is in words, or why there is no number."""
        if self.value is None:
            return self.note
        return {None: "", True: "reached", False: "not reached"}[self.reached]


def machine(weights: str) -> dict[str, str]:
    """Tell where and when the numbers were taken."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [
        line.split(":", 1)[1].strip()
        for line in (cpuinfo.read_text().splitlines() if cpuinfo.exists() else [])
        if line.startswith("model name")
    ]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": commit or "unknown",
        "weights": weights,
    }


def write(rows: Sequence[Row], facts: dict[str, str], folder: Path) -> None:
    """Write ``performance.md`` and ``performance.json``; keep the notes that people wrote."""
    page = folder / "performance.md"
    old = page.read_text() if page.exists() else ""
    notes = old[old.index(NOTES) :] if NOTES in old else f"{NOTES}\n"
    lines = [
        "# Performance",
        "",
        "Written by `make bench`. Ratios are of one run on one machine; times are medians.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {key} | {value} |" for key, value in facts.items()),
        "",
        "| what | value | reach | |",
        "|---|---:|---:|---|",
        *(_line(row) for row in rows),
        "",
    ]
    page.write_text("\n".join(lines) + "\n" + notes)
    measured = {"machine": facts, "rows": [asdict(row) for row in rows]}
    (folder / "performance.json").write_text(json.dumps(measured, indent=1) + "\n")


def _line(row: Row) -> str:
    unit = "" if row.unit == "ratio" else f" {row.unit}"
    shown = "not measured" if row.value is None else f"{row.value:.3g}{unit}"
    return f"| {row.what} | {shown} | {row.reach} | {row.verdict} |"
