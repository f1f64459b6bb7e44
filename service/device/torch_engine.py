"""The engine that runs the model with torch, on a CPU or a CUDA GPU."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

import model
from model import Box, Description, RestorationNetwork, Views
from model.model_info import AdapterInfo
from service.device import torch_device
from service.device.engine import (
    Described,
    EngineInfo,
    MapCells,
    PixelBox,
    Pixels,
    Removal,
    RestoreTask,
    SegmentedTile,
    SegmentTask,
    SpatialWeights,
)
from service.device.gpu_transfer import Staging
from service.settings import Settings

BATCH_PIXELS = {"cpu": 2**17, "cuda": 2**23}
"""Pixels above which a larger batch gains nothing. A small batch already fills a CPU."""
WARM_UP_SIDE = 256
"""Side in pixels of the picture that warms up a CPU."""


class TorchEngine:
    """Runs a network on a device.

    Args:
        network: The model, on any device.
        device: ``cpu`` or ``cuda``.
        precision: ``bf16`` or ``fp32``.
        tile: Side in pixels of the largest picture that is restored as a whole.
        threads: Number of threads that may compute at once on a CPU.
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
        self._info = EngineInfo(
            model=network.info,
            device=self._device.type,
            device_name=torch_device.device_name(self._device),
            precision=precision,
            classes=tuple(network.classes),
            batch_pixels=BATCH_PIXELS[self._device.type],
            threads=threads if self._device.type == "cpu" else 1,
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
    def adapters(self) -> tuple[AdapterInfo, ...]:
        """The loaded adapters, in the order of the amounts."""
        return tuple(self._network.adapters)

    @property
    def warm_up_sides(self) -> list[int]:
        """On a CPU one side; on a GPU every side that a square picture is padded to."""
        if self._device.type == "cpu":
            return [WARM_UP_SIDE]
        return padded_sides(self._tile, self._network.config.multiple)

    def plan_tiles(
        self, height: int, width: int, tile: int, part: PixelBox | None = None
    ) -> list[model.Tile]:
        """Cut a picture into tiles.

        On a GPU, a picture of one tile is padded to one of a small set of sizes.
        """
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
        rows, columns = padded_side(height, multiple), padded_side(width, multiple)
        return [replace(tiles[0], crop=Box(0, 0, rows, columns))]

    def prepare(self, picture: Pixels) -> Views:
        """Return the views of a picture that describing needs."""
        return model.sample_views(_planes(picture))

    def use_threads(self, count: int) -> None:
        """Let this thread, and threads that start later, compute on ``count`` cores."""
        if self._device.type == "cpu":
            torch_device.lower_priority()
            torch.set_num_threads(count)

    @torch.inference_mode()
    def describe(self, prepared: Sequence[Views]) -> list[Described]:
        """Describe whole pictures."""
        with torch_device.engine_errors():
            views = Views.stack(prepared).to(self._device)
            described = self._network.describe(views)
            amounts = described.amounts.cpu().tolist()
        return [Described(described.select(index), tuple(row)) for index, row in enumerate(amounts)]

    def spatial_weights(
        self, amounts: tuple[float, ...], cells: MapCells, size: tuple[int, int]
    ) -> SpatialWeights:
        """Scale the adapter weights at each place by the degradation map."""
        parts = [(Box(*keep), sums) for keep, sums in cells]
        seen = model.join_cells(parts, *size)
        removed = [adapter.degradation for adapter in self._network.adapters]
        return SpatialWeights(
            model.weights_by_cell(
                amounts, seen, classes=self._network.classes, degradations=removed
            )
        )

    @torch.inference_mode()
    def restore(self, tasks: Sequence[RestoreTask]) -> list[Pixels]:
        """Restore tiles whose crops have equal sizes. Returns what each tile keeps."""
        if self._device.type != "cpu":
            return self.restore_together(tasks)
        by_removal: dict[Removal, list[int]] = {}
        for index, task in enumerate(tasks):
            by_removal.setdefault(task.removal, []).append(index)
        restored: dict[int, Pixels] = {}
        for indices in by_removal.values():  # merged weights beat the stacked path on a CPU
            restored |= zip(
                indices, self.restore_together([tasks[i] for i in indices]), strict=True
            )
        return [restored[index] for index in range(len(tasks))]

    @torch.inference_mode()
    def segment(self, tasks: Sequence[SegmentTask]) -> list[SegmentedTile]:
        """Segment tiles whose crops have equal sizes."""
        with torch_device.engine_errors(), self._arithmetic():
            crops = self._crops(tasks)
            probabilities = self._network.segment(crops, _stack(tasks), self._boxes(tasks))
            segmented = [
                _segmented(model.kept(row, _tile(task)), task)
                for row, task in zip(probabilities, tasks, strict=True)
            ]
            del probabilities
        self._trimmer.trim_after(crops)
        return segmented

    def warm_up(self, side: int) -> None:
        """Run each kind of work once on a square picture."""
        picture = np.zeros((side, side, 3), np.uint8)
        described = self.describe([self.prepare(picture)])[0]
        for tile in self.plan_tiles(side, side, side):
            everything = Removal((1.0,) * len(self.adapters))
            self.restore([RestoreTask(picture, tile, described.description, everything)])
            self.segment([SegmentTask(picture, tile, described.description)])

    def memory(self) -> tuple[int, int]:
        """Return the bytes of GPU memory in use and held by torch; 0 and 0 on a CPU."""
        if self._device.type == "cpu":
            return 0, 0
        return torch.cuda.memory_allocated(), torch.cuda.memory_reserved()

    @torch.inference_mode()
    def restore_together(self, tasks: Sequence[RestoreTask]) -> list[Pixels]:
        """Restore tiles in one pass of the network, even if their removals differ."""
        with torch_device.engine_errors():
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
        self._trimmer.trim_after(crops)
        return pixels

    def _crops(self, tasks: Sequence[RestoreTask | SegmentTask]) -> Tensor:
        """Cut the tasks' crops: (B, 3, h, w), float in [0, 1], on the device."""
        crops = [model.read_crop(_planes(task.picture), _tile(task)) for task in tasks]
        return model.as_float(self._staging.upload(crops) if self._staging else torch.stack(crops))

    def _boxes(self, tasks: Sequence[RestoreTask | SegmentTask]) -> Tensor:
        boxes = [_tile(task).position(*task.picture.shape[:2]) for task in tasks]
        return torch.tensor(boxes, device=self._device)  # (B, 4)

    def _asked(self, tasks: Sequence[RestoreTask], shape: Sequence[int]) -> model.Asked:
        """Return the amounts and adapter weights of the tasks, whose crops have ``shape``."""
        removals = [task.removal for task in tasks]
        amounts = torch.tensor([removal.amounts for removal in removals], device=self._device)
        asked = self._network.ask(
            amounts, shared=len({(r.amounts, r.adapters) for r in removals}) == 1
        )
        if not any(removal.adapters for removal in removals):
            return model.Asked(asked.baseline_amounts)
        uses = torch.tensor([removal.adapters for removal in removals], device=self._device)
        of_adapters = amounts * uses[:, None]
        asked = replace(asked, adapter_weights=of_adapters)
        if all(removal.spatial_weights is None for removal in removals):
            return asked
        fields = []
        for removal, weights, box in zip(removals, of_adapters, self._boxes(tasks), strict=True):
            field = weights[:, None, None]
            if removal.spatial_weights is not None:
                field = torch.from_numpy(removal.spatial_weights.weights).to(self._device)
            fields.append(self._network.weights_over_crop(field[None], box[None], shape))
        return replace(asked, spatial_weights=torch.cat(fields))

    def _arithmetic(self) -> torch.autocast:
        return model.arithmetic(self._info.precision, self._device.type)


def padded_side(side: int, multiple: int) -> int:
    """Round ``side`` up to one of eight sizes between a power of two and the next.

    All sizes are multiples of ``multiple``.
    """
    step = max(multiple, 1 << max(0, side.bit_length() - 4))
    return -(-side // step) * step


def padded_sides(largest: int, multiple: int) -> list[int]:
    """Return the padded sides of all pictures up to a side, the largest first.

    In this order warming up fragments less memory.
    """
    sides = {padded_side(side, multiple) for side in range(1, largest + 1)}
    return sorted(sides, reverse=True)


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
        raise TypeError(f"a tile must come from plan_tiles(), got {task.tile!r}")
    return task.tile


def _stack(tasks: Sequence[RestoreTask | SegmentTask]) -> Description:
    return Description.stack([task.description for task in tasks])


def _segmented(probabilities: Tensor, task: SegmentTask) -> SegmentedTile:
    planes = probabilities[list(task.planes)].half()
    return SegmentedTile(
        labels=probabilities.argmax(dim=0).to(torch.uint8).cpu().numpy(),
        cells=model.sum_by_cell(probabilities, _tile(task).keep, *task.picture.shape[:2])
        .cpu()
        .numpy(),
        probabilities=planes.cpu().numpy(),
    )
