"""Programs as processes of a test, and what can be asked of them."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
PATIENCE = 90.0
"""Seconds to wait for what must come; never the measure of a test."""


def program(name: str) -> str:
    """Find a program on PATH or in the system's folders; without it the test is left out."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install {PACKAGES[name]})")
    return found


PACKAGES = {
    "haproxy": "haproxy",
    "nginx": "nginx",
    "openssl": "openssl",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "taskset": "util-linux",
}


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait until ``condition()`` is true or, if it is a coroutine, gives true."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                met = condition()
                if asyncio.iscoroutine(met):
                    met = await met
                if met:
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"it never came about: {what}") from None


@dataclass
class Process:
    """A program that runs, and what it wrote."""

    popen: subprocess.Popen[bytes]
    output: Path

    @property
    def text(self) -> str:
        """What it wrote until now."""
        return self.output.read_text(errors="replace")

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal."""
        self.popen.send_signal(number)

    async def exit_code(self) -> int:
        """Wait for its end."""
        return await asyncio.to_thread(self.popen.wait, PATIENCE)


@dataclass
class Replica(Process):
    """A replica, and where it is."""

    name: str
    url: str

    async def metric(self, name: str) -> float:
        """Read one of its metrics."""
        async with httpx.AsyncClient(base_url=self.url, timeout=PATIENCE) as client:
            return metric((await client.get("/metrics")).text, name)

    async def is_ready(self) -> bool:
        """Ask it."""
        assert self.popen.poll() is None, self.text
        return await answers(f"{self.url}/readyz")


@dataclass
class Balancer(Process):
    """A balancer, and where it is."""

    url: str
    metrics_url: str = ""

    def client(self, connections: int = 200) -> httpx.AsyncClient:
        """Make a client of it."""
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        return httpx.AsyncClient(base_url=self.url, timeout=PATIENCE, limits=limits)

    async def metric(self, name: str) -> float:
        """Read one of HAProxy's metrics."""
        async with httpx.AsyncClient(base_url=self.metrics_url, timeout=PATIENCE) as client:
            return metric((await client.get("/metrics")).text, name)

    async def sees(self, count: int) -> None:
        """Wait until it sends pictures, and the rest, to ``count`` replicas."""
        names = [
            f'haproxy_backend_active_servers{{proxy="{proxy}"}}' for proxy in ("pictures", "rest")
        ]

        async def seen() -> bool:
            return [await self.metric(name) for name in names] == [count, count]

        await until(seen, f"{count} replicas behind the balancer")


def metric(text: str, name: str) -> float:
    """Read one metric of an exposition; 0 if it isn't there."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, flags=re.MULTILINE)
    return float(found.group(1)) if found else 0.0


async def answers(url: str) -> bool:
    """Whether ``url`` answers 200."""
    try:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            return (await client.get(url)).status_code == 200
    except httpx.TransportError:
        return False
