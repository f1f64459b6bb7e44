"""Rows of the service as a caller sees it: start, memory, throughput over the bare model loop."""

import contextlib
import itertools
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]

from model import Restorer
from tests.bench.network import SIZES
from tests.bench.pictures import jpeg, picture
from tests.bench.rows import Row

CALLERS = 8
SAMPLE_SECONDS = 0.02
START_SECONDS = 120.0


class Service:
    """A running ``abair serve``.

    Attributes:
        url: Where it is.
        seconds: From the start of the process to ready.
    """

    def __init__(self, weights: Path | None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "service", "serve", "--port", str(port)]
        command += ["--log-level", "warning"]
        if weights is not None:
            command += ["--model-path", str(weights)]
        start = time.perf_counter()
        self._process = subprocess.Popen(command)
        self.url = f"http://127.0.0.1:{port}"
        self._wait(start + START_SECONDS)
        self.seconds = time.perf_counter() - start

    def _wait(self, until: float) -> None:
        while time.perf_counter() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"the service ended with exit code {self._process.returncode}")
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            time.sleep(0.01)
        raise RuntimeError(f"the service is not ready after {START_SECONDS} s")

    def memory(self) -> float:
        """Return the resident memory of the process and its children, MiB."""
        process = psutil.Process(self._process.pid)
        family = [process, *process.children(recursive=True)]
        resident: int = sum(member.memory_info().rss for member in family)
        return resident / 2**20

    def stop(self) -> int:
        """End it as an operator would; return its exit code."""
        self._process.terminate()
        return self._process.wait(60)


def service_rows(restorer: Restorer, weights: Path | None, *, seconds: float) -> Iterator[Row]:
    """Measure one service from start to end."""
    service = Service(weights)
    try:
        yield Row("start", "start to /readyz 200", service.seconds, "s", "<= 5")
        time.sleep(1)
        idle = service.memory()
        yield Row("memory_idle", "resident memory, idle", idle, "MiB")
        yield from _large_rows(service, idle)
        yield from _throughput_rows(service, restorer, seconds)
    finally:
        code = service.stop()
    yield Row("exit_code", "exit code after SIGTERM", code, "", "<= 0")


def _large_rows(service: Service, idle: float) -> Iterator[Row]:
    """Post one 24-megapixel JPEG and watch the memory."""
    body = jpeg(picture(*SIZES[24]))
    peak, done = [idle], threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], service.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        with httpx.Client(timeout=600) as client:
            _restore(client, service, body)
    finally:
        done.set()
        watcher.join()
    taken = time.perf_counter() - start
    yield Row("large_seconds", "24-megapixel JPEG over HTTP", taken, "s")
    above = peak[0] - idle
    yield Row("memory_large", "its resident memory above idle, peak", above, "MiB", "<= 1024")


def _throughput_rows(service: Service, restorer: Restorer, seconds: float) -> Iterator[Row]:
    """Compare eight callers over HTTP with the bare model loop, in turn on the same pictures."""
    pictures = [picture(512, 512, seed) for seed in range(CALLERS)]
    bodies = [jpeg(pixels) for pixels in pictures]
    precision = _service_precision(service)
    over_http, bare = [], []
    _http_speed(service, bodies, 1.0)
    for _ in range(3):
        over_http.append(_http_speed(service, bodies, seconds))
        count, start = 0, time.perf_counter()
        for pixels in itertools.cycle(pictures):
            restorer.restore_picture(pixels, precision=precision)
            count += 1
            if time.perf_counter() - start > seconds:
                break
        bare.append(count / (time.perf_counter() - start))
    ratio = statistics.median(a / b for a, b in zip(over_http, bare, strict=True))
    speed = statistics.median(over_http)
    yield Row("http", "512x512 JPEG in and out, 8 callers", speed, "pictures/s")
    yield Row("bare", "bare model loop on them", statistics.median(bare), "pictures/s")
    yield Row("http_over_bare", "HTTP ÷ bare model loop, throughput", ratio, "ratio", ">= 0.95")


def _http_speed(service: Service, bodies: Sequence[bytes], seconds: float) -> float:
    """Keep eight callers busy for a while; return pictures a second."""
    start = time.perf_counter()
    until = start + seconds

    def call(body: bytes) -> int:
        count = 0
        with httpx.Client(timeout=600) as client:
            while time.perf_counter() < until:
                _restore(client, service, body)
                count += 1
        return count

    with ThreadPoolExecutor(CALLERS) as pool:
        total = sum(pool.map(call, bodies))
    return total / (time.perf_counter() - start)


def _restore(client: httpx.Client, service: Service, body: bytes) -> None:
    headers = {"Content-Type": "image/jpeg"}
    answer = client.post(f"{service.url}/restore", content=body, headers=headers)
    answer.raise_for_status()


def _service_precision(service: Service) -> str:
    """Ask what the service computes in, so that the bare loop does the same."""
    told: str = httpx.get(f"{service.url}/readyz").json()["precision"]
    return told
