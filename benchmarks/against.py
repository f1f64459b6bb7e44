"""Rows of the same load behind other servers: the same weights, engine and codecs."""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from benchmarks.load import CALLERS, PATIENCE, arrivals, ask, forms, percentile, throughput
from benchmarks.rows import Row
from benchmarks.server import Server, Service

ROOT = Path(__file__).parents[1]
SIDES = {512: ("512x512", 1.0, 3), 96: ("96x96", 1.3, 1)}
"""Of the square pictures: what they are called, the throughput ratio to reach, and how many times
as long as throughput their latency is measured: few answers tell no 99th percentile."""
LATENCY_REACH = "<= 0.9"
SHARE = 0.7
"""Of the slowest server's throughput that arrives at all of them: each can do it."""
MOST_DIFFERENCE = 1.0
"""Mean difference from the service's own answer that is still the same picture, levels."""


class NotMeasuredError(RuntimeError):
    """A server that cannot be measured; the message says why."""


@dataclass(frozen=True)
class Peer:
    """Another server.

    Attributes:
        name: Word for programs.
        title: Name for people.
        command: What its Python runs.
    """

    name: str
    title: str
    command: tuple[str, ...]


_HERE = ("--host", "127.0.0.1", "--port", "{port}")
PEERS = (
    Peer("fastapi", "plain FastAPI", ("uvicorn", "benchmarks.peers.plain:app", *_HERE)),
    Peer("litserve", "LitServe", ("benchmarks.peers.lit", "--port", "{port}")),
    Peer("bentoml", "BentoML", ("bentoml", "serve", "benchmarks.peers.bento:Restore", *_HERE)),
    Peer("ray", "Ray Serve", ("benchmarks.peers.ray_serve", "--port", "{port}")),
)

Start = Callable[[], Server]
Numbers = dict[int, float]
"""One number for each of ``SIDES``."""


def peer_rows(weights: Path | None, *, threads: int, seconds: float, python: Path) -> Iterator[Row]:
    """Measure the service and each peer in turn: throughput of all, then latency of all.

    Args:
        weights: Folder of the weights; without it the bundled ones.
        threads: Of each one's model.
        seconds: Of each throughput measurement.
        python: Of the environment in which the peers are installed.
    """
    environment = _environment(weights, threads)
    starts: dict[str, Start] = {
        peer.name: lambda peer=peer: _start(peer, python, environment)  # type: ignore[misc]
        for peer in PEERS
    }

    def ours() -> Server:
        return Service(None, environment=environment)

    expected: dict[int, bytes] = {}
    first = _speeds(ours, seconds, expected)
    speeds = {name: _told(_speeds, start, seconds, expected) for name, start in starts.items()}
    last = _speeds(
        ours, seconds, expected
    )  # before and after: what the machine's moods change cancels
    own = {side: (first[side] + last[side]) / 2 for side in SIDES}
    yield from _rows("throughput", "pictures/s", own, speeds)
    able = {name: speed for name, speed in speeds.items() if isinstance(speed, dict)}
    rates = {side: SHARE * min(own[side], *(s[side] for s in able.values())) for side in SIDES}
    for side, (title, _, _) in SIDES.items():
        what = f"{title} arriving for latency, {SHARE:.0%} of the slowest's"
        yield Row(f"peer_rate_{side}", what, rates[side], "pictures/s")
    latencies = {
        name: _told(_latencies, starts[name], rates, seconds) if name in able else speeds[name]
        for name in starts
    }
    yield from _rows("p99", "ms", _latencies(ours, rates, seconds), latencies)


def _rows(
    kind: str, unit: str, ours: Numbers, theirs: Mapping[str, Numbers | str]
) -> Iterator[Row]:
    """Tell each server's numbers at each size, and ours over the best of theirs."""
    for side, (title, reach, _) in SIDES.items():
        values = {
            name: numbers if isinstance(numbers, str) else numbers[side]
            for name, numbers in theirs.items()
        }
        yield Row(f"ours_{kind}_{side}", f"{title}, {kind}, ours", ours[side], unit)
        for peer in PEERS:
            value = values[peer.name]
            number, note = (None, value) if isinstance(value, str) else (value, "")
            what = f"{title}, {kind}, {peer.title}"
            yield Row(f"{peer.name}_{kind}_{side}", what, number, unit, note=note)
        wanted = f">= {reach}" if kind == "throughput" else LATENCY_REACH
        numbers = [value for value in values.values() if not isinstance(value, str)]
        yield over_best(f"{kind}_over_best_{side}", f"{title}, {kind}", ours[side], numbers, wanted)


def over_best(name: str, what: str, ours: float, theirs: list[float], reach: str) -> Row:
    """Compare with the best of theirs: the highest where much is wanted, else the lowest."""
    what = f"{what}, ours ÷ the best of theirs"
    if not theirs:
        return Row(name, what, None, "ratio", reach, note="none of theirs could be measured")
    best = max(theirs) if reach.startswith(">=") else min(theirs)
    return Row(name, what, ours / best, "ratio", reach)


def _told(measure: Callable[..., Numbers], *arguments: object) -> Numbers | str:
    """Measure a peer; return why not where it cannot be."""
    try:
        return measure(*arguments)
    except (NotMeasuredError, httpx.HTTPError, OSError) as error:
        return str(error).partition("\n")[0]  # a note is a cell of a table


def _start(peer: Peer, python: Path, environment: Mapping[str, str]) -> Server:
    if not python.exists():
        raise NotMeasuredError(f"{peer.title} is not installed: no {python}; `make bench` does it")
    command = [str(python), "-m", *peer.command]
    try:
        return Server(command, is_ready=_restores, environment=environment)
    except RuntimeError as error:
        raise NotMeasuredError(f"{peer.title}: {error}") from None


def _restores(url: str) -> bool:
    (request,) = forms(16, 16, 1)
    answer = httpx.post(
        f"{url}{request.path}", content=request.content, headers=request.headers, timeout=PATIENCE
    )
    return answer.status_code == 200


def _environment(weights: Path | None, threads: int) -> dict[str, str]:
    """Return what sets the service and every peer alike, and keeps the peers from calling home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ABAIR_")}
    path = {} if weights is None else {"ABAIR_MODEL_PATH": str(weights.resolve())}
    return (
        kept
        | path
        | {
            "ABAIR_DEVICE": "cpu",
            "ABAIR_THREADS": str(threads),
            "PYTHONPATH": str(ROOT),
            "BENTOML_DO_NOT_TRACK": "True",
            "RAY_USAGE_STATS_ENABLED": "0",
        }
    )


def _answer(server: Server, side: int) -> bytes:
    (request,) = forms(side, side, 1)
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        return ask(client, request)


def _speeds(start: Start, seconds: float, expected: dict[int, bytes]) -> Numbers:
    """Measure throughput at each size; the first server's answers are expected of all others."""
    server = start()
    try:
        speeds = {}
        for side in SIDES:
            answer = _answer(server, side)
            check_same(answer, expected.setdefault(side, answer))
            requests = forms(side, side)
            throughput(server.url, requests, 1.0)
            speeds[side] = throughput(server.url, requests, seconds)
        return speeds
    finally:
        server.stop()


def _latencies(start: Start, rates: Mapping[int, float], seconds: float) -> Numbers:
    """Measure the 99th percentile at each size, ms."""
    server = start()
    try:
        latencies = {}
        for side, (_, _, times) in SIDES.items():
            requests = forms(side, side)
            throughput(server.url, requests, 1.0, CALLERS)
            answers = arrivals(server.url, requests, rates[side], times * seconds)
            failed = sum(answer.status != 200 for answer in answers)
            if failed:
                raise NotMeasuredError(f"{failed} of {len(answers)} pictures were not restored")
            latencies[side] = percentile(answers, 99) * 1e3
        return latencies
    finally:
        server.stop()


def check_same(answer: bytes, expected: bytes) -> None:
    """Check that two answers show the same picture.

    Raises:
        NotMeasuredError: If they don't: what isn't the same work isn't compared.
    """
    pictures = []
    for data in (answer, expected):
        with Image.open(io.BytesIO(data)) as image:
            pictures.append(np.asarray(image.convert("RGB"), dtype=np.float32))
    if pictures[0].shape != pictures[1].shape:
        raise NotMeasuredError(f"it answers {pictures[0].shape}, not {pictures[1].shape}")
    difference = float(np.abs(pictures[0] - pictures[1]).mean())
    if difference > MOST_DIFFERENCE:
        raise NotMeasuredError(f"it answers another picture, {difference:.1f} levels off")
