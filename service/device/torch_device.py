"""What torch's devices need: their threads, their errors, and their memory."""

import contextlib
import ctypes
import os
import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from service.device.engine import EngineFatalError, EngineMemoryError

_DEFAULT_THREADS = torch.get_num_threads()
"""The number of threads that torch chose by itself: one per physical core."""
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
TRIM_PIXELS = 2**19
"""After a batch of so many pixels memory is returned; that takes about 2 % of its time."""
TRIM_SECONDS = 2.0
"""Seconds between returns of memory after small batches, which fragment it too."""
NICENESS = 5
"""Niceness of the model's threads above the threads that answer, decode and encode."""
_NO_MEMORY = ("can't allocate memory", "ALLOC_FAILED", "out of memory")
_GPU_LOST = ("CUDA error", "cuDNN error", "cuBLAS error", "CUBLAS_STATUS")


def device_name(device: torch.device) -> str:
    """Return the name of the processor or GPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return str(torch.cpu.get_capabilities().get("cpu_name") or platform.machine())


def cores() -> float:
    """Return how many cores this process may use, by its affinity and its container's quota."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    if _QUOTA.is_file():
        quota, period = _QUOTA.read_text().split()
        if quota != "max":
            count = min(count, int(quota) / int(period))
    return count


def choose_threads(wanted: int | None) -> int:
    """Return how many threads compute on a CPU: one per physical core that may be used."""
    return wanted or max(1, min(_DEFAULT_THREADS, int(cores())))


def lower_priority() -> None:
    """Lower the priority of this thread, and of threads that it starts, so that I/O stays fast.

    This is done on Linux only: on other systems ``nice`` affects the whole process.
    """
    if sys.platform == "linux" and not hasattr(_LOWERED, "yes"):
        os.nice(NICENESS)
        _LOWERED.yes = True


_LOWERED = threading.local()


@contextlib.contextmanager
def engine_errors() -> Iterator[None]:
    """Turn torch's errors in the block into the errors of the engine protocol.

    Raises:
        EngineMemoryError: If the memory was not enough. Memory that torch kept in reserve is freed,
            so that a smaller batch may fit.
        EngineFatalError: After any other error of a GPU: nothing can be run on it any more.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        message = str(error)
        traceback.clear_frames(error.__traceback__)  # they hold what filled the memory
    except torch.AcceleratorError as error:
        raise EngineFatalError(str(error)) from error
    except RuntimeError as error:
        message = str(error)
        if not any(words in message for words in _NO_MEMORY):
            if any(words in message for words in _GPU_LOST):
                raise EngineFatalError(message) from error
            raise
        traceback.clear_frames(error.__traceback__)
    else:
        return
    torch.cuda.empty_cache()
    raise EngineMemoryError(message)


class Trimmer:
    """Returns freed memory to the system; glibc would keep hundreds of MiB, ever more fragmented.

    It does so after each large batch, and after small ones once in ``TRIM_SECONDS``.
    """

    def __init__(self) -> None:
        self._trimmed_at = 0.0

    def trim_after(self, crops: Tensor) -> None:
        """Return memory after a batch of ``crops`` (B, 3, h, w), if it is time."""
        now = time.monotonic()
        is_large = crops[:, 0].numel() >= TRIM_PIXELS
        if crops.device.type == "cpu" and (is_large or now - self._trimmed_at >= TRIM_SECONDS):
            _malloc_trim(0)
            self._trimmed_at = now


def _find_malloc_trim() -> Callable[[int], int]:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    return trim or (lambda _pad: 0)  # allocators of other systems return memory by themselves


_malloc_trim = _find_malloc_trim()
