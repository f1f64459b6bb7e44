"""A server under measurement: its own process, from start to end."""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]

START_SECONDS = 120.0
STOP_SECONDS = 60.0


class Server:
    """A process that serves on a port of its own.

    Args:
        command: What to run; ``{port}`` stands for the port.
        is_ready: Whether it answers, given where it is.
        environment: Its environment; without it this one's.
        is_quiet: Whether what it says is kept for the error rather than shown.

    Attributes:
        url: Where it is.
        seconds: From the start of the process to ready.

    Raises:
        RuntimeError: If it ends or isn't ready in time, with the last that it said.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        is_ready: Callable[[str], bool],
        environment: Mapping[str, str] | None = None,
        is_quiet: bool = True,
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [word.format(port=port) for word in command],
            env=environment,
            stdout=self._said if is_quiet else None,
            stderr=subprocess.STDOUT if is_quiet else None,
        )
        try:
            self._wait(is_ready, start + START_SECONDS)
        except BaseException:
            self.stop()
            raise
        self.seconds = time.perf_counter() - start

    def _wait(self, is_ready: Callable[[str], bool], until: float) -> None:
        while time.perf_counter() < until:
            if self._process.poll() is not None:
                code = self._process.returncode
                raise RuntimeError(f"it ended with exit code {code}: {self._last_line()}")
            with contextlib.suppress(httpx.TransportError):
                if is_ready(self.url):
                    return
            time.sleep(0.01)
        raise RuntimeError(f"it is not ready after {START_SECONDS} s: {self._last_line()}")

    def _last_line(self) -> str:
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def memory(self) -> float:
        """Return the resident memory of the process and its children, MiB."""
        resident: int = sum(member.memory_info().rss for member in self._family())
        return resident / 2**20

    def stop(self) -> int:
        """End it as an operator would, and what it leaves behind; return its exit code."""
        family = self._family()
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        finally:
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            self._process.wait()
            self._said.close()

    def _family(self) -> list[psutil.Process]:
        try:
            process = psutil.Process(self._process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


class Service(Server):
    """A running ``abair serve``.

    Args:
        weights: Folder of the weights; without it the bundled ones.
        options: Further options of the command.
        environment: As of ``Server``.
    """

    def __init__(
        self,
        weights: Path | None,
        *options: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = [sys.executable, "-m", "service", "serve", "--port", "{port}"]
        command += ["--log-level", "warning", *options]
        if weights is not None:
            command += ["--model-path", str(weights)]
        super().__init__(command, is_ready=_is_ready, environment=environment, is_quiet=False)


def _is_ready(url: str) -> bool:
    return httpx.get(f"{url}/readyz").status_code == 200
