"""Rows of the service as a caller sees it: start, memory, throughput over the bare model loop."""

import itertools
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from benchmarks.load import CALLERS, PATIENCE, RESTORE, Request, ask, throughput
from benchmarks.network import SIZES, largest_size
from benchmarks.pictures import jpeg, picture
from benchmarks.rows import Row
from benchmarks.server import Service
from model import Restorer

SAMPLE_SECONDS = 0.02


def service_rows(
    restorer: Restorer, weights: Path | None, *, seconds: float, largest: int
) -> Iterator[Row]:
    """Measure one service from start to end."""
    service = Service(weights)
    try:
        yield Row("start", "start to /readyz 200", service.seconds, "s", "<= 5")
        time.sleep(1)
        idle = service.memory()
        yield Row("memory_idle", "resident memory, idle", idle, "MiB")
        yield from _large_rows(service, idle, largest_size(largest))
        yield from throughput_rows(service, restorer, seconds)
    finally:
        code = service.stop()
    yield Row("exit_code", "exit code after SIGTERM", code, "", "<= 0")


def _large_rows(service: Service, idle: float, megapixels: int) -> Iterator[Row]:
    """Post one large JPEG and watch the memory."""
    request = _raw(jpeg(picture(*SIZES[megapixels])))
    peak, done = [idle], threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], service.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        with httpx.Client(base_url=service.url, timeout=PATIENCE) as client:
            ask(client, request)
    finally:
        done.set()
        watcher.join()
    taken = time.perf_counter() - start
    yield Row("large_seconds", f"{megapixels}-megapixel JPEG over HTTP", taken, "s")
    above = peak[0] - idle
    yield Row("memory_large", "its resident memory above idle, peak", above, "MiB", "<= 1024")


def throughput_rows(service: Service, restorer: Restorer, seconds: float) -> Iterator[Row]:
    """Compare eight callers over HTTP with the bare model loop, in turn on the same pictures."""
    pictures = [picture(512, 512, seed) for seed in range(CALLERS)]
    requests = [_raw(jpeg(pixels)) for pixels in pictures]
    precision = _service_precision(service)
    over_http, bare = [], []
    throughput(service.url, requests, 1.0)
    asked = {"noise": 1.0, "rain": 0.5}  # as RESTORE asks
    for _ in range(3):
        over_http.append(throughput(service.url, requests, seconds))
        count, start = 0, time.perf_counter()
        for pixels in itertools.cycle(pictures):
            restorer.restore(pixels, adapters=asked, precision=precision)
            count += 1
            if time.perf_counter() - start > seconds:
                break
        bare.append(count / (time.perf_counter() - start))
    ratio = statistics.median(a / b for a, b in zip(over_http, bare, strict=True))
    speed = statistics.median(over_http)
    yield Row("http", "512x512 JPEG in and out, 8 callers", speed, "pictures/s")
    yield Row("bare", "bare model loop on them", statistics.median(bare), "pictures/s")
    yield Row("http_over_bare", "HTTP ÷ bare model loop, throughput", ratio, "ratio", ">= 0.95")


def _raw(body: bytes) -> Request:
    return Request("POST", RESTORE, body, {"Content-Type": "image/jpeg"})


def _service_precision(service: Service) -> str:
    """Ask what the service computes in, so that the bare loop does the same."""
    told: str = httpx.get(f"{service.url}/readyz").json()["precision"]
    return told
