"""Measures what reading a picture file costs, each in a process of its own.

``python -m tools.bounded`` loads what reading takes, then reads paths and limits from its input, a
line each, and answers with a line of JSON each: what became of the file, seconds, and the most
memory above what the process had before. Every file is read in a fork of that process.
"""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAX_PIXELS = 100_000_000


@dataclass(frozen=True)
class Cost:
    """What reading a file took.

    Attributes:
        outcome: ``read``, the name of the error, or how the process ended.
        detail: What the error says.
        header_seconds: Of a core, until its header was read, or refused.
        seconds: Of a core, in all.
        mebibytes: Most memory above what the process had.
        promised: Most bytes that decoding was said to take; 0 of a file that was refused.
    """

    outcome: str
    detail: str = ""
    header_seconds: float = 0.0
    seconds: float = 0.0
    mebibytes: float = 0.0
    promised: int = 0


class Meter:
    """A process that measures; to be used in a ``with`` block."""

    def __enter__(self) -> "Meter":
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tools.bounded"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def cost_of(self, path: Path, *, address_space: int = 0, seconds: int = 60) -> Cost:
        """Read a file.

        Args:
            path: The file.
            address_space: Most bytes of address space that reading it may add; 0: no limit.
            seconds: Time after which the process is ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{address_space} {seconds} {path}\n")
        self._process.stdin.flush()
        return Cost(**json.loads(self._process.stdout.readline()))


def main() -> None:
    """Measure file after file."""
    _warm()
    for line in sys.stdin:
        address_space, seconds, path = line.rstrip("\n").split(" ", 2)
        read_end, write_end = os.pipe()
        child = os.fork()
        if not child:
            os.close(read_end)
            os.write(write_end, _measured(Path(path), int(address_space), int(seconds)))
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as answer:
            told = answer.read()
        _, status = os.waitpid(child, 0)
        ended = json.dumps({"outcome": f"ended by signal {os.WTERMSIG(status)}"})
        sys.stdout.write((told.decode() or ended) + "\n")
        sys.stdout.flush()


def _measured(path: Path, address_space: int, limit: int) -> bytes:
    import torch

    from model.networks.whole_picture_views import sample_views
    from model.pictures import decode, decode_bytes, read_header

    data, before = path.read_bytes(), forget_peak()
    outcome, detail, promised, header_seconds = "read", "", 0, None
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    if address_space:
        _limit(address_space)
    begun = time.process_time()
    try:
        header = read_header(data, max_pixels=MAX_PIXELS)
        header_seconds, promised = time.process_time() - begun, decode_bytes(header)
        rgb = decode(data).rgb
        sample_views(torch.from_numpy(rgb).permute(2, 0, 1))
    except (ValueError, MemoryError) as error:
        outcome, detail = type(error).__name__, str(error)
    seconds = time.process_time() - begun
    cost = Cost(
        outcome,
        detail,
        seconds if header_seconds is None else header_seconds,
        seconds,
        peak() - before,
        promised,
    )
    return json.dumps(vars(cost)).encode()


def forget_peak() -> float:
    """Let the most memory that this process had be what it has now; return it, MiB."""
    Path("/proc/self/clear_refs").write_text("5")  # getrusage's would be the parent's
    return peak()


def peak() -> float:
    """Return the most memory that this process had since ``forget_peak``, MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _limit(added: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + added
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _warm() -> None:
    """Load and start all that reading any file takes, so that it isn't counted."""
    import torch

    from model.networks.whole_picture_views import sample_views
    from model.pictures import decode
    from tools.picture_files import kinds

    for data in kinds().values():
        sample_views(torch.from_numpy(decode(data).rgb).permute(2, 0, 1))


if __name__ == "__main__":
    main()
