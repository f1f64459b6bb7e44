"""Callers: a closed loop tells throughput, an open one latency.

In a closed loop each caller asks again when answered. In an open one requests arrive at fixed
times, answered or not, and a latency is counted from the time at which a request was to arrive: a
server that stalls cannot hide behind callers who wait for it.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from benchmarks.pictures import jpeg, picture

CALLERS = 8
PATIENCE = 600.0
"""Seconds a caller waits for an answer."""
_BOUNDARY = "a-boundary-that-no-picture-holds"


@dataclass(frozen=True)
class Request:
    """What a caller sends.

    Attributes:
        method: ``GET`` or ``POST``.
        path: Of the endpoint.
        content: The body.
        headers: Of the request.
    """

    method: str
    path: str
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


RESTORE = "/restore?adapters=noise:1,rain:0.5"
"""Fixed amounts: a service does nothing to a picture in which its estimator finds nothing."""


def form(image: bytes) -> Request:
    """Ask to restore ``image``, sent as a form's file as every web framework reads it."""
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="image"; filename="picture.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + image + f"\r\n--{_BOUNDARY}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    return Request("POST", RESTORE, body, headers)


def forms(height: int, width: int, count: int = CALLERS) -> list[Request]:
    """Ask to restore ``count`` different pictures of one size."""
    return [form(jpeg(picture(height, width, seed))) for seed in range(count)]


@dataclass(frozen=True)
class Answer:
    """What became of one arrival; times in seconds since the first.

    Attributes:
        due: When it was to arrive.
        done: When its answer had come.
        status: Of the answer; 0 where the connection broke.
    """

    due: float
    done: float
    status: int

    @property
    def latency(self) -> float:
        """Seconds from the intended arrival to the answer."""
        return self.done - self.due


def throughput(
    url: str, requests: Sequence[Request], seconds: float, callers: int = CALLERS
) -> float:
    """Keep callers busy, each with one request again and again; return answers a second.

    Raises:
        httpx.HTTPStatusError: If an answer is an error.
    """
    start = time.perf_counter()
    until = start + seconds

    def call(request: Request) -> int:
        count = 0
        with httpx.Client(base_url=url, timeout=PATIENCE) as client:
            while time.perf_counter() < until:
                ask(client, request)
                count += 1
        return count

    with ThreadPoolExecutor(callers) as pool:
        total = sum(pool.map(call, (requests[i % len(requests)] for i in range(callers))))
    return total / (time.perf_counter() - start)


def ask(client: httpx.Client, request: Request) -> bytes:
    """Send one request; return what came back."""
    answer = client.request(
        request.method, request.path, content=request.content, headers=request.headers
    )
    answer.raise_for_status()
    return answer.content


def arrivals(url: str, requests: Sequence[Request], rate: float, seconds: float) -> list[Answer]:
    """Let requests arrive at ``rate`` a second, in turn; wait until all are answered."""
    return asyncio.run(_arrivals(url, requests, rate, seconds))


async def _arrivals(
    url: str, requests: Sequence[Request], rate: float, seconds: float
) -> list[Answer]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits) as client:
        start = time.perf_counter()

        async def arrive(number: int) -> Answer:
            due, request = number / rate, requests[number % len(requests)]
            await asyncio.sleep(start + due - time.perf_counter())
            status = await _status(client, request)
            return Answer(due, time.perf_counter() - start, status)

        count = max(1, math.ceil(rate * seconds))
        return await asyncio.gather(*map(arrive, range(count)))


async def _status(client: httpx.AsyncClient, request: Request) -> int:
    try:
        answer = await client.request(
            request.method, request.path, content=request.content, headers=request.headers
        )
    except httpx.TransportError:
        return 0
    return answer.status_code


def percentile(answers: Sequence[Answer], percent: float) -> float:
    """Return the latency that ``percent`` of the answers don't exceed, seconds.

    Raises:
        ValueError: If there is no answer.
    """
    if not answers:
        raise ValueError("there is no answer to take a percentile of")
    latencies = sorted(answer.latency for answer in answers)
    return latencies[max(0, math.ceil(percent / 100 * len(latencies)) - 1)]


def goodput(answers: Sequence[Answer], since: float, until: float) -> float:
    """Return the pictures a second that came back between two times."""
    good = [one for one in answers if one.status == 200 and since <= one.done < until]
    return len(good) / (until - since)
