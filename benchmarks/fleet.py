"""Row of two replicas behind HAProxy against one, each with a core of its own."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.load import forms, throughput
from benchmarks.rows import Row
from tools.fleet.fleet import Fleet
from tools.fleet.processes import program

WARM_UP_SECONDS = 2.0


def fleet_rows(weights: Path | None, *, seconds: float) -> Iterator[Row]:
    """Measure pictures a second through the committed HAProxy configuration."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    what = "two replicas of one core each ÷ one, behind HAProxy"
    try:
        program("haproxy"), program("taskset")
    except pytest.skip.Exception as missing:
        yield Row("fleet", what, None, "ratio", ">= 1.8", note=str(missing))
        return
    if len(cores) < 2:
        yield Row("fleet", what, None, "ratio", ">= 1.8", note="there is one core")
        return
    one, two = (asyncio.run(_speed(weights, some, seconds=seconds)) for some in (cores[:1], cores))
    yield Row("fleet_one", "behind HAProxy, one replica of one core, 512x512", one, "pictures/s")
    yield Row("fleet_two", "behind HAProxy, two replicas of one core each", two, "pictures/s")
    yield Row("fleet", what, two / one, "ratio", ">= 1.8")


async def _speed(weights: Path | None, cores: Sequence[int], *, seconds: float) -> float:
    """Start a replica on each of ``cores`` behind HAProxy and keep callers busy."""
    settings: dict[str, object] = {"ABAIR_THREADS": 1, "OMP_NUM_THREADS": 1}
    if weights is not None:
        settings["ABAIR_MODEL_PATH"] = str(weights)
    serve = (sys.executable, "-m", "service", "serve")
    requests = forms(512, 512)
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder))
        try:
            for core in cores:
                command = ("taskset", "-c", str(core), *serve)
                fleet.replica(f"core-{core}", command, **settings)
            await fleet.ready()
            balancer = await fleet.haproxy()
            await balancer.sees(len(cores))
            await asyncio.to_thread(throughput, balancer.url, requests, WARM_UP_SECONDS)
            return await asyncio.to_thread(throughput, balancer.url, requests, seconds)
        finally:
            fleet.close()
