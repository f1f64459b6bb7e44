"""Rows of the networks that papers compare with, beside ours, at one size and precision."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.against import ROOT
from benchmarks.network import REPEATS, median_seconds
from benchmarks.pictures import picture
from benchmarks.rows import Row
from model import Restorer, choose_precision

SIDE = 256
"""Theirs take seconds already."""
SIZES = {"Restormer": "26 M", "PromptIR": "36 M"}
"""Their names and parameters, as published."""
REACH = ">= 80"


def published_rows(restorer: Restorer, *, threads: int, python: Path) -> Iterator[Row]:
    """Time ours here and theirs where they are installed, one after the other."""
    precision = choose_precision("auto", "cpu")
    whole = picture(SIDE, SIDE)
    seconds = median_seconds(lambda: restorer.restore(whole, precision=precision), REPEATS[0])
    ours = seconds / (SIDE**2 / 1e6)
    yield Row("ours_megapixel", f"{SIDE}x{SIDE}, {precision}, ours", ours, "s/MP")
    yield from over_ours(_measure(python, threads, precision), ours, precision)


def over_ours(
    theirs: Mapping[str, Mapping[str, float]] | str, ours: float, precision: str
) -> Iterator[Row]:
    """Tell theirs and how many times ours they are; ``theirs`` is why not where it is words."""
    for name, size in SIZES.items():
        what = f"{SIDE}x{SIDE}, {precision}, {name}"
        if isinstance(theirs, str):
            yield Row(f"{name.lower()}_over_ours", f"{what} ÷ ours", None, "ratio", REACH, theirs)
            continue
        measured = theirs[name]
        title = f"{what} ({measured['parameters'] / 1e6:.1f} million weights; published: {size})"
        yield Row(f"{name.lower()}_megapixel", title, measured["seconds"], "s/MP")
        ratio = measured["seconds"] / ours
        yield Row(f"{name.lower()}_over_ours", f"{what} ÷ ours", ratio, "ratio", REACH)


def _measure(python: Path, threads: int, precision: str) -> dict[str, dict[str, float]] | str:
    """Return what the peers' environment measures, or why it doesn't."""
    if not python.exists():
        return f"not installed: no {python}; `make bench` does it"
    command = [str(python), "-m", "benchmarks.peers.networks", "--side", str(SIDE)]
    command += ["--threads", str(threads), "--precision", precision]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    measured: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return measured
