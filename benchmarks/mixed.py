"""Rows of small pictures beside a large one: does it hold them up?"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.load import (
    PATIENCE,
    Answer,
    Request,
    arrivals,
    ask,
    form,
    forms,
    percentile,
    throughput,
)
from benchmarks.network import SIZES, largest_size
from benchmarks.pictures import jpeg, picture
from benchmarks.rows import Row
from benchmarks.server import Service

SIDE = 256
SHARE = 0.5
"""Of the capacity for small pictures that arrives, so that the large one has its half."""
LEAD_SECONDS = 1.0
"""From the large picture's arrival to the first small one: it is decoded then."""


def mixed_rows(weights: Path | None, *, seconds: float, largest: int) -> Iterator[Row]:
    """Let the same small pictures arrive without and with a large one, one at a time."""
    small = forms(SIDE, SIDE)
    megapixels = largest_size(largest)
    large = form(jpeg(picture(*SIZES[megapixels])))
    service = Service(weights)
    try:
        throughput(service.url, small, 1.0)
        rate = SHARE * throughput(service.url, small, seconds)
        alone = arrivals(service.url, small, rate, seconds)
        with _one_at_a_time(service.url, large):
            beside = arrivals(service.url, small, rate, seconds)
    finally:
        service.stop()
    yield Row("mixed_rate", f"{SIDE}x{SIDE} arriving, {SHARE:.0%} of capacity", rate, "pictures/s")
    yield from _waiting_rows(alone, beside, megapixels)


def _waiting_rows(alone: list[Answer], beside: list[Answer], megapixels: int) -> Iterator[Row]:
    first, second = percentile(alone, 95), percentile(beside, 95)
    yield Row("small_p95", "theirs, 95th percentile", first * 1e3, "ms")
    what = f"beside one of {megapixels} megapixels, 95th percentile"
    yield Row("small_p95_mixed", what, second * 1e3, "ms")
    what = f"beside one of {megapixels} megapixels ÷ without, 95th percentile"
    yield Row("mixed_over_alone", what, second / first, "ratio", "<= 3")
    lost = sum(answer.status != 200 for answer in (*alone, *beside))
    yield Row("mixed_lost", "small ones that weren't restored", lost, "answers", "<= 0")


@contextmanager
def _one_at_a_time(url: str, request: Request) -> Iterator[None]:
    """Have one large picture in the service during the block; the last is waited for."""
    ended = threading.Event()
    failed: list[Exception] = []

    def call() -> None:
        try:
            with httpx.Client(base_url=url, timeout=PATIENCE) as client:
                while not ended.is_set():
                    ask(client, request)
        except httpx.HTTPError as error:
            failed.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    time.sleep(LEAD_SECONDS)
    try:
        yield
    finally:
        ended.set()
        caller.join()
    if failed:
        raise failed[0]
