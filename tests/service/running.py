"""A service in a process of its own, what it holds, and somebody else who sends a small picture."""

import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]

from tools.fakes import file_of, photo

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0
"""Seconds to wait for what must come; never the measure of a test."""
PROGRAM = """
import sys, time
from service.app import serve
from service.decoding.process_host import DecodingHost
from service.settings import Settings
from tools.fakes import FakeEngine
{prelude}
if __name__ == "__main__":
    settings = Settings(port={port}, **{settings!r})
    sys.exit(serve(settings, FakeEngine(), {decoders}))
"""
PNG = {"Content-Type": "image/png"}


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """A service with a fake engine in a process of its own; to be used in a ``with`` block.

    Args:
        prelude: Python that the process runs first, to put a slow function in a place, say.
        hostile: Whether pictures are decoded as ``tests.service.decoding.hostile_decoding`` says.
        settings: The service's.
    """

    def __init__(self, prelude: str = "", *, hostile: bool = False, **settings: object) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._program = PROGRAM.format(
            prelude=prelude,
            port=self.port,
            settings=settings,
            decoders='DecodingHost("tests.service.decoding.hostile_decoding")' if hostile else None,
        )
        self._ended = threading.Event()
        self.peak = 0
        """Most bytes that the process and its children held, counted where they are shared once."""
        self.idle = 0
        """Bytes they held when the service became ready."""

    def __enter__(self) -> "Running":
        self.process = subprocess.Popen(
            [sys.executable, "-c", self._program], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait_until_ready()
        self.idle = self.peak = self._held()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    @property
    def growth(self) -> int:
        """The most bytes that the service held above what it held idle."""
        return self.peak - self.idle

    def client(self, **options: object) -> httpx.Client:
        """Make a client of the service."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE, **options)  # type: ignore[arg-type]

    def victim(self, **headers: str) -> float:
        """Send a picture of 64x64 pixels; return the seconds until it was restored."""
        began = time.monotonic()
        with self.client(headers={**PNG, **headers}) as client:
            answer = client.post("/restore", content=file_of(photo(64, 64)))
        assert answer.status_code == 200, answer.text
        return time.monotonic() - began

    def children(self) -> list[psutil.Process]:
        """Return the processes that the service has started."""
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return found

    def metric(self, name: str, **headers: str) -> float:
        """Read one metric; 0 if it isn't there."""
        with self.client(headers=headers) as client:
            text = client.get("/metrics").text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, flags=re.MULTILINE)
        return float(found.group(1)) if found else 0.0

    def until(self, name: str, value: float, **headers: str) -> None:
        """Wait until one metric has a value."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.metric(name, **headers)) != value:
            assert time.monotonic() < deadline, f"{name} is {found}, not {value}"
            time.sleep(0.02)

    def until_logged(self, words: str) -> None:
        """Wait until the service has written ``words``."""
        deadline = time.monotonic() + PATIENCE
        while not any(words in line for line in self.log):
            assert time.monotonic() < deadline, "".join(self.log)
            time.sleep(0.02)

    def terminate(self) -> float:
        """End the service with SIGTERM; return the seconds that it took."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(PATIENCE)
        return time.monotonic() - began

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "".join(self.log)
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError("the service never became ready: " + "".join(self.log))

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.peak = max(self.peak, self._held())

    def _held(self) -> int:
        try:
            processes = [psutil.Process(self.process.pid)]
            processes += processes[0].children(recursive=True)
        except psutil.NoSuchProcess:
            return 0
        return sum(_held_by(process.pid) for process in processes)


def _held_by(pid: int) -> int:
    """Return the bytes that a process holds, what it shares with others in part."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has ended, or this isn't Linux
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB$", text, flags=re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0
