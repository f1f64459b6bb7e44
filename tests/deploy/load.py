"""Callers, and what became of their requests."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from tools.fakes import file_of, photo

PICTURE = file_of(photo())
HEADERS = {"Content-Type": "image/png"}


@dataclass
class Outcomes:
    """What callers got."""

    answers: list[httpx.Response] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        """How often each status came."""
        return Counter(answer.status_code for answer in self.answers)

    @property
    def replicas(self) -> Counter[str]:
        """How many pictures each replica restored."""
        models = (answer.headers.get("restore-model", "") for answer in self.answers)
        return Counter(model.partition("@")[0] for model in models if model)

    @property
    def failed(self) -> list[httpx.Response]:
        """Whatever is not a restored picture."""
        return [answer for answer in self.answers if answer.status_code != 200]


async def restore(client: httpx.AsyncClient) -> httpx.Response:
    """Send the picture."""
    return await client.post("/restore", content=PICTURE, headers=HEADERS)


async def load(
    client: httpx.AsyncClient,
    *,
    callers: int,
    requests: int,
    until: Callable[[], bool] = lambda: True,
) -> Outcomes:
    """Let callers send one picture after the other.

    Args:
        client: Of the balancer.
        callers: How many at a time.
        requests: Of each caller, at least.
        until: They go on until this is true, too.
    """
    outcomes = Outcomes()

    async def call() -> None:
        count = 0
        while count < requests or not until():
            outcomes.answers.append(await restore(client))
            count += 1

    await asyncio.gather(*(call() for _ in range(callers)))
    return outcomes
