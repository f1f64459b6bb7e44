"""Callers who ask for all kinds of things, a third of whom hang up."""

import asyncio
import io
import random
import time
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import httpx
from PIL import Image

from benchmarks.pictures import picture

SIDES = (8, 640)
"""Least and largest side of a picture, pixels; drawn evenly by their logarithm."""
LARGE = 1400
"""Side of the few pictures that are cut into tiles."""
KINDS = ("JPEG", "PNG", "WEBP")
OPTIONS: tuple[dict[str, str], ...] = (
    {},
    {"adapters": "top"},
    {"adapters": "none"},
    {"adapters": "rain:0.5,noise:0.3"},
    {"blend": "pixel"},
    {"strength": "0.5"},
    {"format": "webp"},
)
TIMEOUT_SECONDS = 600
"""After which a request that isn't answered counts as lost."""
HANG_UP = 1 / 3
"""Share of the callers who hang up."""


class Load:
    """Asks until told to stop, and counts how it went.

    Args:
        url: Of the service.
        seed: Equal seeds draw equal requests.
    """

    def __init__(self, url: str, seed: int) -> None:
        self._url, self._rng = url, random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.lost: list[str] = []
        """Requests that weren't answered as they should have been."""

    async def run(self, *, callers: int, until: float) -> None:
        """Keep ``callers`` busy until ``time.monotonic()`` is ``until``."""
        limits = httpx.Limits(max_connections=None)
        async with (
            httpx.AsyncClient(base_url=self._url, timeout=TIMEOUT_SECONDS, limits=limits) as client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(callers):
                group.create_task(self._call_on(client, until))

    async def _call_on(self, client: httpx.AsyncClient, until: float) -> None:
        while time.monotonic() < until:
            size, data, media_type = await asyncio.to_thread(self._draw)
            path = "/restore" if self._rng.random() < 0.8 else "/degradation-map"
            params = self._rng.choice(OPTIONS) if path == "/restore" else {}
            headers = {"Content-Type": media_type}
            call = client.post(path, content=data, params=params, headers=headers)
            if self._rng.random() < HANG_UP:
                await self._hang_up(call)
            else:
                await self._listen(call, size, path)

    async def _hang_up(self, call: Coroutine[Any, Any, httpx.Response]) -> None:
        try:
            await asyncio.wait_for(call, self._rng.uniform(0.0, 1.0))
        except TimeoutError:
            self.outcomes["hung up"] += 1
        else:
            self.outcomes["answered before the caller hung up"] += 1

    async def _listen(
        self, call: Coroutine[Any, Any, httpx.Response], size: tuple[int, int], path: str
    ) -> None:
        try:
            answer = await call
        except httpx.TransportError as error:
            self.lost.append(f"{path}: {error!r}")
            return
        refusal = "" if answer.status_code == 200 else f" {answer.json()['code']}"
        self.outcomes[f"{path} {answer.status_code}{refusal}"] += 1
        if answer.status_code == 503 and "retry-after" in answer.headers:
            await asyncio.sleep(int(answer.headers["retry-after"]))
        elif answer.status_code != 200:
            self.lost.append(f"{path}: {answer.status_code} {answer.text[:200]}")
        elif path == "/restore" and _size(answer.content) != size:
            self.lost.append(f"{path}: asked for {size}, got {_size(answer.content)}")

    def _draw(self) -> tuple[tuple[int, int], bytes, str]:
        """Make a picture: its width and height, its file, its media type."""
        low, high = SIDES
        sides = [round(low * (high / low) ** self._rng.random()) for _ in range(2)]
        if self._rng.random() < 0.02:
            sides = [LARGE, LARGE]
        kind, body = self._rng.choice(KINDS), io.BytesIO()
        pixels = picture(sides[0], sides[1], self._rng.randrange(1000))
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(body, kind)
        return (sides[1], sides[0]), body.getvalue(), f"image/{kind.lower()}"


def _size(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size
