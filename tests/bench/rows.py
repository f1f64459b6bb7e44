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
        value: The number.
        unit: ``ms``, ``s/MP``, ``ratio``, ``MiB``, ``s`` or ``pictures/s``.
        reach: What it should be, such as ``<= 1.05``; empty where nothing is promised.
    """

    name: str
    what: str
    value: float
    unit: str
    reach: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether ``reach`` is met; None where nothing is promised."""
        if not self.reach:
            return None
        sign, limit = self.reach.split()
        return self.value <= float(limit) if sign == "<=" else self.value >= float(limit)


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
    verdict = {None: "", True: "reached", False: "not reached"}[row.reached]
    return f"| {row.what} | {row.value:.3g}{unit} | {row.reach} | {verdict} |"
