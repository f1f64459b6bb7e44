"""Callers of the balancer while something happens, and what became of their requests."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from tests.deploy.load import HEADERS, PICTURE

KEY = "a key of the container tests"


@dataclass
class Outcomes:
    """What callers got."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)
    problems: list[dict[str, object]] = field(default_factory=list)

    def __str__(self) -> str:
        """Say it in a line."""
        kinds = Counter(self.failures)
        told = ", ".join(f"{count} x {kind}" for kind, count in kinds.items()) or "no failure"
        return f"{self.answered} of {self.answered + len(self.failures)} answered, {told}"


def client(port: int) -> httpx.AsyncClient:
    """Make a client of the balancer, with a key."""
    url = f"http://127.0.0.1:{port}"
    return httpx.AsyncClient(base_url=url, timeout=120, headers={"X-API-Key": KEY})


async def under_load(
    port: int, action: Callable[[], object], *, callers: int = 6, after: int = 5
) -> Outcomes:
    """Send pictures while ``action`` runs in a thread, and some after it.

    Args:
        port: Of the balancer, on this machine's loopback.
        action: What happens meanwhile; it may block.
        callers: How many pictures are on their way at once.
        after: Pictures that each caller sends when the action is over.
    """
    outcomes = Outcomes()
    acting = asyncio.create_task(asyncio.to_thread(action))
    async with client(port) as http:

        async def call() -> None:
            left = after
            while left > 0:
                left -= acting.done()
                await _send(http, outcomes)

        await asyncio.gather(*(call() for _ in range(callers)))
    await acting
    return outcomes


async def _send(http: httpx.AsyncClient, outcomes: Outcomes) -> None:
    try:
        answer = await http.post("/restore", content=PICTURE, headers=HEADERS)
    except httpx.TransportError as error:
        outcomes.failures.append(f"connection lost ({type(error).__name__})")
        return
    if answer.status_code == 200:
        outcomes.answered += 1
        return
    problem = answer.json()
    outcomes.failures.append(f"{answer.status_code} {problem['code']}")
    outcomes.problems.append(problem)
