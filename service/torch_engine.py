"""The engine that runs the model with torch, on a CPU or a CUDA card."""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import model
from model import Box, Description, RestorationNetwork, Views
from service import torch_device
from service.engine import (
    AdapterFacts,
    Described,
    EngineInfo,
    Field,
    Pixels,
    Removal,
    RestoreTask,
    Segmented,
    SegmentTask,
)
from service.settings import Settings
from service.staging import Staging

BATCH_PIXELS = {"cpu": 2**17, "cuda": 2**23}
"""Pixels from which a batch gains nothing more: a CPU is busy with little."""
WARM_UP_SIDE = 256
"""Side of the picture that warms up, pixels."""


class TorchEngine:
    """A network on a device.

    Args:
        network: The model, anywhere.
        device: ``cpu`` or ``cuda``.
        precision: ``bf16`` or ``fp32``.
        tile: Side of the largest picture that is restored as a whole.
        threads: That may compute at once on a CPU.
    """

    def __init__(
        self,
        network: RestorationNetwork,
        *,
        device: str,
        precision: str,
        tile: int = WARM_UP_SIDE,
        threads: int = 1,
    ) -> None:
        self._tile = tile
        self._device = torch.device(device)
        self._trimmer = torch_device.Trimmer()
        self._staging = Staging(self._device) if self._device.type == "cuda" else None
        self._network = network.eval().to(self._device)
        facts = [field.name for field in fields(AdapterFacts)]
        self._adapters = tuple(
            AdapterFacts(**{name: getattr(adapter, name) for name in facts})
            for adapter in network.adapters
        )
        self._info = EngineInfo(
            model=network.info.name,
            sha256=network.info.sha256,
            parameters=network.info.parameters,
            licence=network.info.licence,
            device=self._device.type,
            device_name=torch_device.device_name(self._device),
            precision=precision,
            classes=tuple(network.classes),
            batch_pixels=BATCH_PIXELS[self._device.type],
            lanes=threads if self._device.type == "cpu" else 1,
        )

    @classmethod
    def load(cls, settings: Settings) -> "TorchEngine":
        """Load the weights that ``settings`` name onto the device that they name.

        Raises:
            ValueError: If an explicit device or precision cannot be used.
        """
        device = model.choose_device(settings.device)
        threads = torch_device.choose_threads(settings.threads)
        torch.set_num_threads(threads)
        return cls(
            model.load_network(settings.model_path),
            device=device,
            precision=model.choose_precision(settings.precision, device),
            tile=settings.tile,
            threads=threads,
        )

    @property
    def info(self) -> EngineInfo:
        """The model and where it runs."""
        return self._info

    @property
    def adapters(self) -> tuple[AdapterFacts, ...]:
        """Resident adapters, in the order of the weights."""
        return self._adapters

    def plan(
        self, height: int, width: int, tile: int, part: tuple[int, int, int, int] | None = None
    ) -> list[model.Tile]:
        """Cut a picture into tiles; what is one tile is padded to one of few sizes on a card."""
        multiple = self._network.config.multiple
        tiles = model.plan_tiles(
            height,
            width,
            tile=max(tile, multiple),
            halo=self._network.reach,
            multiple=multiple,
            part=None if part is None else Box(*part),
        )
        if part is not None or len(tiles) > 1 or self._device.type == "cpu":
            return tiles
        rows, columns = rung(height, multiple), rung(width, multiple)
        return [replace(tiles[0], crop=Box(0, 0, rows, columns))]

    def prepare(self, picture: Pixels) -> Views:
        """Take the views of a picture that describing needs."""
        return model.sample_views(_planes(picture))

    def enter(self, lanes: int) -> None:
        """Take one core a lane, in the calling thread; torch also lets later threads begin so."""
        if self._device.type == "cpu":
            torch_device.give_way()
            torch.set_num_threads(lanes)

    @torch.inference_mode()
    def describe(self, prepared: Sequence[Views]) -> list[Described]:
        """Describe whole pictures."""
        with torch_device.faults():
            views = Views.stack(prepared).to(self._device)
            described = self._network.describe(views)
            amounts = described.amounts.cpu().tolist()
        return [Described(described.select(index), tuple(row)) for index, row in enumerate(amounts)]

    def lead(
        self,
        weights: tuple[float, ...],
        cells: Sequence[tuple[tuple[int, int, int, int], NDArray[np.float32]]],
        size: tuple[int, int],
    ) -> Field:
        """Let the map lead the weights over a picture."""
        parts = [(Box(*keep), sums) for keep, sums in cells]
        seen = model.join_cells(parts, *size)
        removed = [adapter.degradation for adapter in self._network.adapters]
        return Field(
            model.weights_by_cell(
                weights, seen, classes=self._network.classes, degradations=removed
            )
        )

    @torch.inference_mode()
    def restore(self, tasks: Sequence[RestoreTask]) -> list[Pixels]:
        """Restore tiles whose crops have equal sizes; returns what they keep."""
        if self._device.type != "cpu":
            return self._restore(tasks)
        alike: dict[Removal, list[int]] = {}
        for index, task in enumerate(tasks):
            alike.setdefault(task.removal, []).append(index)
        restored: dict[int, Pixels] = {}
        for indices in alike.values():  # merged weights beat the stacked path on a CPU
            restored |= zip(indices, self._restore([tasks[i] for i in indices]), strict=True)
        return [restored[index] for index in range(len(tasks))]

    @torch.inference_mode()
    def segment(self, tasks: Sequence[SegmentTask]) -> list[Segmented]:
        """Segment tiles whose crops have equal sizes."""
        with torch_device.faults(), self._arithmetic():
            crops = self._crops(tasks)
            probabilities = self._network.segment(crops, _stack(tasks), self._boxes(tasks))
            segmented = [
                _segmented(model.kept(row, _tile(task)), task)
                for row, task in zip(probabilities, tasks, strict=True)
            ]
            del probabilities
        self._trimmer.after(crops)
        return segmented

    def warm_up(self) -> None:
        """Run each kind of work once; on a card at every size of a square picture."""
        sides = {WARM_UP_SIDE}
        if self._device.type != "cpu":
            multiple = self._network.config.multiple
            sides = {rung(side, multiple) for side in range(1, self._tile + 1)}
        for side in sorted(sides, reverse=True):  # the largest first: less memory is split up
            self._warm_up(side)

    def _warm_up(self, side: int) -> None:
        picture = np.zeros((side, side, 3), np.uint8)
        described = self.describe([self.prepare(picture)])[0]
        for tile in self.plan(side, side, side):
            everything = Removal((1.0,) * len(self._adapters))
            self.restore([RestoreTask(picture, tile, described.description, everything)])
            self.segment([SegmentTask(picture, tile, described.description)])

    def memory(self) -> tuple[int, int]:
        """Return bytes of the card that are in use, and that torch holds; on a CPU none."""
        on_card = self._device.type != "cpu"
        return (torch.cuda.memory_allocated(), torch.cuda.memory_reserved()) if on_card else (0, 0)

    def _restore(self, tasks: Sequence[RestoreTask]) -> list[Pixels]:
        with torch_device.faults():
            crops = self._crops(tasks)
            with self._arithmetic():
                restored = self._network.restore_crops(
                    crops, _stack(tasks), self._asked(tasks, crops.shape), self._boxes(tasks)
                )
            if any(task.strength != 1 for task in tasks):
                strength = crops.new_tensor([task.strength for task in tasks]).view(-1, 1, 1, 1)
                restored = torch.lerp(crops, restored, strength)
            images = [
                _interleaved(model.to_levels(model.kept(row, _tile(task)), _dtype(task)))
                for row, task in zip(restored, tasks, strict=True)
            ]
            del restored
            pixels: list[Pixels] = (
                self._staging.download(images)
                if self._staging
                else [image.numpy() for image in images]
            )
        self._trimmer.after(crops)
        return pixels

    def _crops(self, tasks: Sequence[RestoreTask | SegmentTask]) -> Tensor:
        """Cut the tasks' crops: (B, 3, h, w), float in [0, 1], on the device."""
        crops = [model.read_crop(_planes(task.picture), _tile(task)) for task in tasks]
        return model.as_float(self._staging.upload(crops) if self._staging else torch.stack(crops))

    def _boxes(self, tasks: Sequence[RestoreTask | SegmentTask]) -> Tensor:
        boxes = [_tile(task).box(*task.picture.shape[:2]) for task in tasks]
        return torch.tensor(boxes, device=self._device)  # (B, 4)

    def _asked(self, tasks: Sequence[RestoreTask], shape: Sequence[int]) -> model.Asked:
        """Return what is asked of the tasks, whose crops have ``shape``."""
        removals = [task.removal for task in tasks]
        amounts = torch.tensor([removal.amounts for removal in removals], device=self._device)
        asked = self._network.ask(amounts)
        if not any(removal.adapters for removal in removals):
            return model.Asked(asked.told)
        uses = torch.tensor([removal.adapters for removal in removals], device=self._device)
        of_adapters = amounts * uses[:, None]
        asked = replace(asked, weights=of_adapters)
        if all(removal.field is None for removal in removals):
            return asked
        fields = []
        for removal, weights, box in zip(removals, of_adapters, self._boxes(tasks), strict=True):
            field = weights[:, None, None]
            if removal.field is not None:
                field = torch.from_numpy(removal.field.weights).to(self._device)
            fields.append(self._network.over_crop(field[None], box[None], shape))
        return replace(asked, field=torch.cat(fields))

    def _arithmetic(self) -> torch.autocast:
        return model.arithmetic(self._info.precision, self._device.type)


def rung(side: int, multiple: int) -> int:
    """Return the least of few sizes that holds ``side``: eight an octave, all multiples."""
    step = max(multiple, 1 << max(0, side.bit_length() - 4))
    return -(-side // step) * step


def _planes(picture: Pixels) -> Tensor:
    """View (H, W, 3) as a tensor (3, H, W)."""
    return torch.from_numpy(picture).permute(2, 0, 1)


def _interleaved(image: Tensor) -> Tensor:
    """Turn (3, H, W) into (H, W, 3)."""
    return image.permute(1, 2, 0).contiguous()


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
        cells=model.sum_by_cell(probabilities, _tile(task).keep, *task.picture.shape[:2])
        .cpu()
        .numpy(),
        probabilities=planes.cpu().numpy(),
    )
