"""The engine that runs the model with torch, on a CPU or a CUDA card."""

import contextlib
import ctypes
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

import model
from model import Box, Description, Restorer, Views
from service.engine import (
    AdapterFacts,
    Described,
    EngineFatalError,
    EngineInfo,
    EngineMemoryError,
    Pixels,
    RestoreTask,
    Segmented,
    SegmentTask,
)
from service.settings import Settings

BATCH_PIXELS = {"cpu": 2**17, "cuda": 2**23}
"""Pixels from which a batch gains nothing more: a CPU is busy with little."""
WARM_UP_SIDE = 256
"""Side of the picture that warms up, pixels."""
TRIM_PIXELS = 2**19
"""A batch of so many pixels is followed by giving memory back: costs about 2 % of its time."""


def _find_malloc_trim() -> Callable[[int], int]:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    return trim or (lambda _pad: 0)  # other systems' allocators give back by themselves


_malloc_trim = _find_malloc_trim()


class TorchEngine:
    """A restorer on a device.

    Args:
        restorer: The model, anywhere.
        device: ``cpu`` or ``cuda``.
        precision: ``bf16`` or ``fp32``.
    """

    def __init__(self, restorer: Restorer, *, device: str, precision: str) -> None:
        self._device = torch.device(device)
        self._restorer = restorer.eval().to(self._device)
        self._adapters = tuple(
            AdapterFacts(
                name=adapter.name,
                title=adapter.title,
                degradation=adapter.degradation,
                rank=adapter.rank,
                parameters=adapter.parameters,
                bytes=adapter.bytes,
                sha256=adapter.sha256,
                gain_db=adapter.gain_db,
                licence=adapter.licence,
            )
            for adapter in restorer.adapters
        )
        self._info = EngineInfo(
            model=restorer.info.name,
            sha256=restorer.info.sha256,
            parameters=restorer.info.parameters,
            licence=restorer.info.licence,
            device=self._device.type,
            device_name=_device_name(self._device),
            precision=precision,
            classes=tuple(restorer.classes),
            batch_pixels=BATCH_PIXELS[self._device.type],
        )

    @classmethod
    def load(cls, settings: Settings) -> "TorchEngine":
        """Load the weights that ``settings`` name onto the device that they name.

        Raises:
            RuntimeError: If an explicit device or precision cannot be used.
        """
        device = choose_device(settings.device)
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        precision = model.choose_precision(settings.precision, device)
        return cls(model.load(settings.model_path), device=device, precision=precision)

    @property
    def info(self) -> EngineInfo:
        """The model and where it runs."""
        return self._info

    @property
    def adapters(self) -> tuple[AdapterFacts, ...]:
        """Resident adapters, in the order of the weights."""
        return self._adapters

    def plan(self, height: int, width: int, tile: int) -> list[model.Tile]:
        """Cut a picture into tiles; what is one tile is padded to one of few sizes on a card."""
        multiple = self._restorer.config.multiple
        tiles = model.plan_tiles(
            height, width, tile=max(tile, multiple), halo=self._restorer.reach, multiple=multiple
        )
        if len(tiles) > 1 or self._device.type == "cpu":
            return tiles
        rows, columns = rung(height, multiple), rung(width, multiple)
        return [replace(tiles[0], crop=Box(0, 0, rows, columns))]

    def prepare(self, picture: Pixels) -> Views:
        """Take the views of a picture that describing needs."""
        return model.sample_views(_planes(picture))

    @torch.inference_mode()
    def describe(self, prepared: Sequence[Views]) -> list[Described]:
        """Describe whole pictures."""
        with self._faults():
            views = Views.stack(prepared).to(self._device)
            described = self._restorer.describe(views)
            weights = described.weights.cpu().tolist()
        return [Described(described.select(index), tuple(row)) for index, row in enumerate(weights)]

    def top(self, weights: tuple[float, ...]) -> tuple[float, ...]:
        """Reduce the estimator's weights to the likeliest adapter alone, or to none."""
        row: list[float] = model.top_one(torch.tensor([weights]))[0].tolist()
        return tuple(row)

    @torch.inference_mode()
    def restore(self, tasks: Sequence[RestoreTask]) -> list[Pixels]:
        """Restore tiles whose crops have equal sizes; returns what they keep."""
        if self._device.type != "cpu":
            return self._restore(tasks)
        alike: dict[tuple[float, ...] | None, list[int]] = {}
        for index, task in enumerate(tasks):
            alike.setdefault(task.weights, []).append(index)
        restored: dict[int, Pixels] = {}
        for indices in alike.values():  # merged weights beat the stacked path on a CPU
            restored |= zip(indices, self._restore([tasks[i] for i in indices]), strict=True)
        return [restored[index] for index in range(len(tasks))]

    @torch.inference_mode()
    def segment(self, tasks: Sequence[SegmentTask]) -> list[Segmented]:
        """Segment tiles whose crops have equal sizes."""
        with self._faults(), self._arithmetic():
            crops = self._crops(tasks)
            probabilities = self._restorer.segment(crops, _stack(tasks), self._boxes(tasks))
            segmented = [
                _segmented(model.kept(row, _tile(task)), task)
                for row, task in zip(probabilities, tasks, strict=True)
            ]
            del probabilities
        self._give_back(crops)
        return segmented

    def warm_up(self) -> None:
        """Run each kind of work once."""
        picture = np.zeros((WARM_UP_SIDE, WARM_UP_SIDE, 3), np.uint8)
        described = self.describe([self.prepare(picture)])[0]
        for tile in self.plan(*picture.shape[:2], WARM_UP_SIDE):
            self.restore([RestoreTask(picture, tile, described.description, described.weights)])
            self.segment([SegmentTask(picture, tile, described.description)])

    def _restore(self, tasks: Sequence[RestoreTask]) -> list[Pixels]:
        with self._faults():
            crops = self._crops(tasks)
            with self._arithmetic():
                restored = self._restorer.restore_crops(
                    crops, _stack(tasks), self._weights(tasks), self._boxes(tasks)
                )
            if any(task.strength != 1 for task in tasks):
                strength = crops.new_tensor([task.strength for task in tasks]).view(-1, 1, 1, 1)
                restored = torch.lerp(crops, restored, strength)
            pixels = [
                _interleaved(model.to_levels(model.kept(row, _tile(task)), _dtype(task)))
                for row, task in zip(restored, tasks, strict=True)
            ]
            del restored
        self._give_back(crops)
        return pixels

    def _crops(self, tasks: Sequence[RestoreTask | SegmentTask]) -> Tensor:
        """Cut the tasks' crops: (B, 3, h, w), float in [0, 1], on the device."""
        crops = [model.read_crop(_planes(task.picture), _tile(task)) for task in tasks]
        return model.as_float(torch.stack(crops).to(self._device))

    def _boxes(self, tasks: Sequence[RestoreTask | SegmentTask]) -> Tensor:
        boxes = [_tile(task).box(*task.picture.shape[:2]) for task in tasks]
        return torch.tensor(boxes, device=self._device)  # (B, 4)

    def _weights(self, tasks: Sequence[RestoreTask]) -> Tensor | None:
        """Return the adapters' weights (B, K); None if all tasks want the baseline alone."""
        if all(task.weights is None for task in tasks):
            return None
        none = (0.0,) * len(self._adapters)  # the same numbers as no adapter
        return torch.tensor([task.weights or none for task in tasks], device=self._device)

    def _arithmetic(self) -> torch.autocast:
        return model.arithmetic(self._info.precision, self._device.type)

    def _give_back(self, crops: Tensor) -> None:
        """Return the memory of a large batch to the system; glibc would keep hundreds of MiB."""
        if self._device.type == "cpu" and crops[:, 0].numel() >= TRIM_PIXELS:
            _malloc_trim(0)

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        """Tell what a device does to us in the service's words."""
        try:
            yield
        except torch.OutOfMemoryError as error:
            raise EngineMemoryError(str(error)) from None  # its frames hold what filled the memory
        except torch.AcceleratorError as error:
            raise EngineFatalError(str(error)) from error


def choose_device(wanted: str) -> str:
    """Return ``cpu`` or ``cuda``; an explicit cuda that cannot be used is an error."""
    usable = torch.cuda.is_available()
    if wanted == "cuda" and not usable:
        raise RuntimeError("device is cuda, but torch finds no usable CUDA card")
    return "cuda" if usable and wanted != "cpu" else "cpu"


def rung(side: int, multiple: int) -> int:
    """Return the least of few sizes that holds ``side``: eight an octave, all multiples."""
    step = max(multiple, 1 << max(0, side.bit_length() - 4))
    return -(-side // step) * step


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return str(torch.cpu.get_capabilities().get("cpu_name") or platform.machine())


def _planes(picture: Pixels) -> Tensor:
    """View (H, W, 3) as a tensor (3, H, W)."""
    return torch.from_numpy(picture).permute(2, 0, 1)


def _interleaved(image: Tensor) -> Pixels:
    """Bring (3, H, W) to the host as (H, W, 3)."""
    pixels: Pixels = image.permute(1, 2, 0).contiguous().cpu().numpy()
    return pixels


def _dtype(task: RestoreTask) -> torch.dtype:
    """Return the type of a task's picture and answer."""
    return torch.uint8 if task.picture.dtype == np.uint8 else torch.uint16


def _tile(task: RestoreTask | SegmentTask) -> model.Tile:
    if not isinstance(task.tile, model.Tile):
        raise TypeError(f"a tile must come of plan(), got {task.tile!r}")
    return task.tile


def _stack(tasks: Sequence[RestoreTask | SegmentTask]) -> Description:
    return Description.stack([task.description for task in tasks])


def _segmented(probabilities: Tensor, task: SegmentTask) -> Segmented:
    planes = probabilities[list(task.planes)].half()
    return Segmented(
        labels=probabilities.argmax(dim=0).to(torch.uint8).cpu().numpy(),
        totals=probabilities.sum(dim=(1, 2), dtype=torch.float64).cpu().numpy(),
        probabilities=planes.cpu().numpy(),
    )
