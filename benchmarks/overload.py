"""Rows of a service with more to do than it can: its probe, what it does, how it refuses."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.load import (
    CALLERS,
    Answer,
    Request,
    arrivals,
    forms,
    goodput,
    percentile,
    throughput,
)
from benchmarks.rows import Row
from benchmarks.server import Service

SIDE = 512
PLACES = CALLERS
"""Pictures accepted at once: what a closed loop keeps there, and full soon after more arrive."""
EXCESS = 3
"""Times the capacity that arrives."""
PROBES = 50.0
"""Arrivals a second at ``/healthz``."""
FILLING = 1 / 4
"""Share of the time that fills the queue, and doesn't count."""


def overload_rows(weights: Path | None, *, seconds: float) -> Iterator[Row]:
    """Measure the probe under full load, then three times the capacity."""
    requests = forms(SIDE, SIDE)
    service = Service(weights, "--queue-requests", str(PLACES))
    try:
        throughput(service.url, requests, 1.0)
        peak = throughput(service.url, requests, seconds)
        with _full_load(service.url, requests):
            probes = arrivals(service.url, [Request("GET", "/healthz")], PROBES, seconds)
        what = f"/healthz under full load, {CALLERS} callers, 99th percentile"
        yield Row("healthz_p99", what, percentile(probes, 99) * 1e3, "ms", "<= 50")
        answers = arrivals(service.url, requests, EXCESS * peak, seconds)
    finally:
        service.stop()
    yield from refusal_rows(answers, peak=peak, seconds=seconds)


@contextmanager
def _full_load(url: str, requests: Sequence[Request]) -> Iterator[None]:
    """Keep the callers busy during the block."""
    ended = threading.Event()

    def call() -> None:
        while not ended.is_set():
            throughput(url, requests, 0.5)

    caller = threading.Thread(target=call)
    caller.start()
    try:
        yield
    finally:
        ended.set()
        caller.join()


def refusal_rows(answers: Sequence[Answer], *, peak: float, seconds: float) -> Iterator[Row]:
    """Tell how ``answers`` to too many arrivals compare with the throughput ``peak``."""
    done = goodput(answers, FILLING * seconds, seconds)
    times = f"{EXCESS} times the capacity"
    yield Row("peak", f"{SIDE}x{SIDE}, {CALLERS} callers in a closed loop", peak, "pictures/s")
    yield Row("overload_goodput", f"pictures restored at {times}", done, "pictures/s")
    yield Row("goodput_over_peak", "those ÷ the closed loop's", done / peak, "ratio", ">= 0.9")
    refused = [answer for answer in answers if answer.status == 503]
    what = f"a refusal at {times}, median"
    if refused:
        yield Row("refusal", what, percentile(refused, 50) * 1e3, "ms", "<= 50")
    else:
        yield Row("refusal", what, None, "ms", "<= 50", note="nothing was refused")
    lost = sum(answer.status not in (200, 503) for answer in answers)
    what = f"neither pictures nor refusals at {times}"
    yield Row("overload_lost", what, lost, "answers", "<= 0")
