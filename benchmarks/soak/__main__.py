"""``make soak``: load the service for a long time, print, and write docs/soak.md."""

import argparse
import asyncio
import io
import re
import threading
import time
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path

import httpx
from PIL import Image
from rich.console import Console

import model
from benchmarks.rows import machine
from benchmarks.server import Service
from benchmarks.soak.load import TIMEOUT_SECONDS, Load
from benchmarks.soak.report import Soak

MEGABYTE = 1e6
MEBIBYTE = 2**20
GAUGES = ("restore_requests_in_flight", "restore_reserved_pixels", "restore_held_bytes")
ROUNDS = 20
"""Parts of the time; after each the callers rest, and what memory is kept is seen."""
REST_SECONDS = 6
"""How long they rest; a small picture a second lets the service give back what it has freed."""


def main() -> None:
    """Run the soak; exit code 1 if anything wasn't well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=30.0, help="default: 30")
    parser.add_argument("--callers", type=int, default=6, help="at a time (default: 6)")
    parser.add_argument("--seed", type=int, default=0, help="of what they ask for")
    parser.add_argument("--out", type=Path, default=Path("docs/soak.md"), help="the page")
    arguments = parser.parse_args()
    info = model.load().info  # of what will run: either may change meanwhile
    facts = machine(f"{info.name}, sha256 {info.sha256[:12]}")
    soak = run(arguments.minutes, arguments.callers, arguments.seed)
    soak.write(arguments.out, facts)
    console = Console(highlight=False, soft_wrap=True)
    console.print(arguments.out.read_text(), markup=False)
    raise SystemExit(1 if soak.faults() else 0)


def run(minutes: float, callers: int, seed: int) -> Soak:
    """Start a service, load it, and look at what is left."""
    service = Service(None)
    memory: list[tuple[float, float]] = []
    resting: list[tuple[float, float]] = []
    began, ended = time.monotonic(), threading.Event()

    def look() -> tuple[float, float]:
        return time.monotonic() - began, service.memory() * MEBIBYTE / MEGABYTE

    def watch() -> None:
        while not ended.wait(1.0):
            memory.append(look())

    watcher = threading.Thread(target=watch)
    watcher.start()
    load = Load(service.url, seed)
    try:
        for part in range(1, ROUNDS + 1):
            until = began + 60 * minutes * part / ROUNDS
            asyncio.run(load.run(callers=callers, until=until))
            left = _left(service.url)
            resting.append(min(_rest(service.url, look), key=itemgetter(1)))
    finally:
        ended.set()
        watcher.join()
        exit_code = service.stop()
    return Soak(
        minutes=minutes,
        callers=callers,
        outcomes=load.outcomes,
        lost=load.lost,
        memory=memory,
        resting=resting,
        left=left,
        exit_code=exit_code,
    )


def _rest(url: str, look: Callable[[], tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Look at the memory while nobody but one small picture a second asks."""
    small = io.BytesIO()
    Image.new("RGB", (16, 16)).save(small, "PNG")
    for _ in range(REST_SECONDS):
        time.sleep(1)
        headers = {"Content-Type": "image/png"}
        answer = httpx.post(
            f"{url}/restore", content=small.getvalue(), headers=headers, timeout=TIMEOUT_SECONDS
        )
        answer.raise_for_status()
        yield look()


def _left(url: str) -> dict[str, float]:
    """Read the gauges that are zero once the last of those who hung up is forgotten."""
    for _ in range(100):
        text = httpx.get(f"{url}/metrics", timeout=TIMEOUT_SECONDS).text
        found = {
            name: float(re.findall(rf"^{name} (\S+)", text, re.MULTILINE)[0]) for name in GAUGES
        }
        if not any(found.values()):
            break
        time.sleep(0.1)
    return found


if __name__ == "__main__":
    main()
