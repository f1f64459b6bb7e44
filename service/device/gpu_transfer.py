"""Copies pictures to a GPU and back through pinned memory, while the GPU computes.

A buffer that a copy reads from, or writes into, isn't touched again until that copy's event has
fired; copies run in a stream of their own, and the computing waits only for those it needs. Tests
use a stand-in for ``torch.cuda`` where there is no GPU.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

BUFFERS = 2
"""One is filled while the other is copied."""


class _Slot:
    """A pinned buffer and the event of the last copy that used it."""

    def __init__(self, event: Any, *, pinned: bool) -> None:  # noqa: ANN401 - an event of torch.cuda or of its stand-in
        self.event = event
        self.pinned = pinned
        self.memory = torch.empty(0, dtype=torch.uint8)

    def free(self, size: int) -> Tensor:
        """Wait until the last copy is done; return ``size`` bytes."""
        self.event.synchronize()
        if len(self.memory) < size:  # in steps, so that few sizes are ever allocated
            grown = 1 << max(20, (size - 1).bit_length())
            self.memory = torch.empty(grown, dtype=torch.uint8, pin_memory=self.pinned)
        return self.memory[:size]


class Staging:
    """Copies pictures to a GPU and back.

    Args:
        device: The GPU.
        cuda: ``torch.cuda``, or a stand-in for it.
        pinned: Whether the host's memory is pinned; a stand-in has no pinned memory.
    """

    def __init__(
        self,
        device: torch.device,
        cuda: Any = torch.cuda,  # noqa: ANN401 - or a stand-in
        *,
        pinned: bool = True,
    ) -> None:
        self._device, self._cuda = device, cuda
        self._stream = cuda.Stream()
        self._up = itertools.cycle([_Slot(cuda.Event(), pinned=pinned) for _ in range(BUFFERS)])
        self._down = _Slot(cuda.Event(), pinned=pinned)

    def upload(self, crops: Sequence[Tensor]) -> Tensor:
        """Copy crops of one shape (3, h, w) and type to the GPU: -> (B, 3, h, w).

        Work submitted to the current stream afterwards waits for the copy.
        """
        shape = (len(crops), *crops[0].shape)
        slot = next(self._up)
        staged = slot.free(len(crops) * crops[0].nbytes).view(crops[0].dtype).view(shape)
        torch.stack(list(crops), out=staged)
        current = self._cuda.current_stream()
        with self._cuda.stream(self._stream):
            there: Tensor = staged.to(self._device, non_blocking=True)
            slot.event.record(self._stream)
        current.wait_event(slot.event)
        there.record_stream(current)  # so that its memory is not reused before it was read
        return there

    def download(self, images: Sequence[Tensor]) -> list[NDArray[Any]]:
        """Copy images of one type and any shapes to the host, after they were computed."""
        staged = self._down.free(sum(image.nbytes for image in images)).view(images[0].dtype)
        parts: Sequence[Tensor] = torch.split(staged, [image.numel() for image in images])
        self._stream.wait_stream(self._cuda.current_stream())
        with self._cuda.stream(self._stream):
            for part, image in zip(parts, images, strict=True):
                part.view(image.shape).copy_(image, non_blocking=True)
                image.record_stream(self._stream)
            self._down.event.record(self._stream)
        self._down.event.synchronize()
        return [
            part.view(image.shape).numpy().copy() for part, image in zip(parts, images, strict=True)
        ]
