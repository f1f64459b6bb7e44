"""Doubles for the tests: an engine without a model, and pictures."""

import asyncio
import io
import struct
import threading
import time
import zlib
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from model.model_info import AdapterInfo, ModelInfo
from model.pictures import decode
from service.app import running_service
from service.device.engine import (
    Described,
    EngineInfo,
    EngineMemoryError,
    RestoreTask,
    SegmentedTile,
    SegmentTask,
    SpatialWeights,
)
from service.settings import Settings

CLASSES = ("clean", "noise", "blur", "rain", "haze", "lowlight")


@dataclass(frozen=True)
class FakeTile:
    crop: tuple[int, int, int, int]
    keep: tuple[int, int, int, int]


class InProcessDecoders:
    """Decodes in the service's own threads; tests put other functions in the place of ``decode``.

    Nothing is bounded and nothing can be stopped.
    """

    def __init__(self) -> None:
        self.function = decode

    def start(self):
        pass

    def decoder(self):
        return self

    def decode(self, data, limits, *, metadata, stop):
        return self.function(data, metadata=metadata)

    def close(self):
        pass


def adapter(name: str) -> AdapterInfo:
    return AdapterInfo(
        name=name,
        title=name.title(),
        degradation=name,
        rank=4,
        parameters=1000,
        bytes=4000,
        sha256="ab" * 32,
        gain_db=3.5,
        licence="Apache-2.0",
    )


@dataclass
class FakeEngine:
    """Restores by inverting; sees 0.6 noise and 0.2 rain everywhere; red pixels are noise.

    Each batch takes ``delay`` seconds; ``gate`` holds batches back while cleared; ``faults`` maps
    a red value of a picture's first pixel to what restoring it raises; a batch of more than
    ``room`` pixels is out of memory.
    """

    delay: float = 0.0
    room: int = 10**9
    gate: threading.Event = field(default_factory=threading.Event)
    faults: dict[int, Exception] = field(default_factory=dict)
    batches: list[tuple[str, int]] = field(default_factory=list)
    too_large: list[int] = field(default_factory=list)
    mapped: list[tuple[object, ...]] = field(default_factory=list)
    restored: list[tuple[int, ...]] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    warm_up_sides: tuple[int, ...] = (64,)
    busy: threading.Lock = field(default_factory=threading.Lock)
    now: int = 0
    at_once: int = 0
    info: EngineInfo = field(
        default_factory=lambda: EngineInfo(
            ModelInfo(name="fake", sha256="cd" * 32, parameters=1, licence="Apache-2.0"),
            "cpu",
            "none",
            "fp32",
            CLASSES,
            64 * 64,
            1,
        )
    )
    adapters: tuple[AdapterInfo, ...] = field(
        default_factory=lambda: tuple(adapter(name) for name in ("noise", "rain", "haze"))
    )

    def __post_init__(self):
        self.gate.set()

    def plan_tiles(self, height, width, tile, part=None):
        first_row, first_column, last_row, last_column = part or (0, 0, height, width)
        return [
            FakeTile(
                (top, left, -(-bottom // 8) * 8, -(-right // 8) * 8), (top, left, bottom, right)
            )
            for top in range(first_row, last_row, tile)
            for left in range(first_column, last_column, tile)
            for bottom in [min(last_row, top + tile)]
            for right in [min(last_column, left + tile)]
        ]

    def prepare(self, picture):
        return picture.shape

    def use_threads(self, count):
        self.threads.append(count)

    def describe(self, prepared):
        self._begin("describe", len(prepared))
        amounts = (0.6, 0.2, *[0.0] * (len(self.adapters) - 2))
        return [Described(shape, amounts) for shape in prepared]

    def spatial_weights(self, weights, cells, size):
        """Half the weight where the map's left column of tiles is, all of it elsewhere."""
        self.mapped.append((weights, len(cells), size))
        field = np.repeat(np.array(weights, np.float32)[:, None, None], 2, axis=2)
        field[:, :, 0] /= 2
        return SpatialWeights(field)

    def restore(self, tasks):
        self._begin("restore", len(tasks))
        _check_alike(tasks)
        if sum(_kept(task)[:, :, 0].size for task in tasks) > self.room:
            self.too_large.append(len(tasks))
            raise EngineMemoryError("too many pixels")
        self.restored += [_kept(task).shape[:2] for task in tasks]
        for task in tasks:
            fault = self.faults.get(int(task.picture[0, 0, 0]))
            if fault is not None:
                raise fault
        return [self._invert(task) for task in tasks]

    def segment(self, tasks):
        self._begin("segment", len(tasks))
        _check_alike(tasks)
        return [self._label(task) for task in tasks]

    def warm_up(self, side):
        pass

    def memory(self):
        return 1000, 5000

    def _begin(self, kind, count):
        with self.busy:
            self.now += 1
            self.at_once = max(self.at_once, self.now)
        assert self.gate.wait(30)
        time.sleep(self.delay)
        self.batches.append((kind, count))
        with self.busy:
            self.now -= 1

    def _invert(self, task: RestoreTask):
        degraded, full = _kept(task).astype(np.float32), np.iinfo(task.picture.dtype).max
        restored = degraded + task.strength * (full - 2 * degraded)
        return np.round(restored).astype(task.picture.dtype)

    def _label(self, task: SegmentTask):
        labels = (_kept(task)[:, :, 0] > np.iinfo(task.picture.dtype).max // 2).astype(np.uint8)
        probabilities = np.stack([labels == index for index in range(len(CLASSES))])
        return SegmentedTile(
            labels=labels,
            cells=probabilities.sum(axis=(1, 2), keepdims=True).astype(np.float32),
            probabilities=probabilities[list(task.planes)].astype(np.float16),
        )


def _check_alike(tasks):
    crops = [task.tile.crop for task in tasks]
    assert len({(bottom - top, right - left) for top, left, bottom, right in crops}) == 1


def _kept(task: RestoreTask | SegmentTask):
    top, left, bottom, right = task.tile.keep
    return task.picture[top:bottom, left:right]


def photo(height=40, width=56, seed=0):
    """A smooth picture of shape (H, W, 3), uint8, that lossy formats hold well."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin((rows * (i + 1) + columns * (seed % 5 + 1)) / 40) for i in range(3)]
    return np.stack([np.round(128 + 100 * wave).astype(np.uint8) for wave in waves], axis=2)


def file_of(pixels, kind="PNG", **options):
    """The bytes of an array or image as a file of ``kind``."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    body = io.BytesIO()
    image.save(body, kind, **options)
    return body.getvalue()


def picture_of(data):
    """The pixels of a file."""
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)


def png_header(width, height):
    """A PNG that claims any size, with one byte of pixels."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def metric_families():
    """All metrics of a service."""

    async def collect():
        starting = running_service(Settings(), lambda _: FakeEngine(), InProcessDecoders())
        async with starting as service:
            return list(service.metrics.registry.collect())

    return asyncio.run(collect())


async def until(condition):
    """Wait until ``condition()`` is true, ten seconds at most."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came true")
