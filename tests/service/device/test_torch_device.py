"""How torch's devices fail and what is done about their memory, without a card."""

import weakref

import pytest
import torch

from service.device.engine import EngineFatalError, EngineMemoryError
from service.device.torch_device import Trimmer, engine_errors


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (torch.OutOfMemoryError("no"), EngineMemoryError),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling ..."), EngineMemoryError),
        (RuntimeError("CUDA error: out of memory"), EngineMemoryError),
        (torch.AcceleratorError("gone"), EngineFatalError),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), EngineFatalError),
        (RuntimeError("shapes differ"), RuntimeError),
        (KeyError("x"), KeyError),
    ],
)
def test_memory_and_device_errors_are_told_apart(error, told):
    with pytest.raises(told), engine_errors():
        raise error


def test_a_processor_without_memory_is_told():
    with pytest.raises(EngineMemoryError), engine_errors():
        torch.empty(2**58, dtype=torch.uint8)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("no"), RuntimeError("out of memory")])
def test_what_filled_the_memory_is_let_go_before_the_rest_is_freed(error, monkeypatch):
    held, kept = [], []

    def fill():
        filling = torch.zeros(9)
        held.append(weakref.ref(filling))
        raise error

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: kept.append(held[0]()))
    with pytest.raises(EngineMemoryError), engine_errors():
        fill()
    assert kept == [None]


def test_memory_goes_back_after_large_batches_and_now_and_then(monkeypatch):
    trims: list[int] = []
    now = iter([100.0, 100.5, 101.0, 102.9, 103.1])
    monkeypatch.setattr("service.device.torch_device._malloc_trim", trims.append)
    monkeypatch.setattr("service.device.torch_device.time.monotonic", lambda: next(now))
    trimmer, small, large = Trimmer(), torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 1024, 512)
    counts = []
    for crops in (small, small, large, small, small):
        trimmer.trim_after(crops)
        counts.append(len(trims))
    assert counts == [1, 1, 2, 2, 3]
