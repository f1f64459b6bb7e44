"""Rows of the network alone: time by size and precision, what adapters and describing cost."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.pictures import picture
from benchmarks.rows import Row
from model import Asked, Restorer, arithmetic, as_float, sample_views
from service.device.engine import Removal, RestoreTask
from service.device.torch_engine import TorchEngine

SIZES = {1: (1024, 1024), 6: (2000, 3000), 24: (4000, 6000)}
"""Heights and widths by megapixels, about."""
REPEATS = {0: 15, 1: 5, 6: 3, 24: 1}
"""How often each size is measured; 0 is the 512-pixel square."""


def largest_size(most: int) -> int:
    """Return the largest of ``SIZES`` up to ``most`` megapixels; the least if all are above."""
    return max((size for size in SIZES if size <= most), default=min(SIZES))


def median_seconds(function: Callable[[], object], repeats: int) -> float:
    """Time ``function`` after one call that doesn't count."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def alternate(first: Callable[[], object], second: Callable[[], object], repeats: int) -> float:
    """Return time of ``first`` over that of ``second``, in turn: the machine's moods cancel."""
    first()
    second()
    ratios = []
    for _ in range(repeats):
        times = []
        for function in (first, second):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
        ratios.append(times[0] / times[1])
    return statistics.median(ratios)


def size_rows(restorer: Restorer, *, largest: int) -> Iterator[Row]:
    """Time whole pictures, 8 bits to 8 bits, with the estimator's blend."""
    for name in ("bf16", "fp32"):
        seconds = _seconds(restorer, 512, 512, name, REPEATS[0])
        yield Row(f"square_{name}", f"512x512, {name}", seconds * 1e3, "ms")
        first = None
        for size, (height, width) in SIZES.items():
            if size > largest:
                break
            speed = _seconds(restorer, height, width, name, REPEATS[size]) / (height * width / 1e6)
            yield Row(f"megapixels_{size}_{name}", f"{size} megapixels, {name}", speed, "s/MP")
            first = first or speed
            if size == 24:
                what = f"24 megapixels ÷ 1 megapixel, time a megapixel, {name}"
                yield Row(f"large_over_small_{name}", what, speed / first, "ratio", "<= 1.3")


def _seconds(restorer: Restorer, height: int, width: int, precision: str, repeats: int) -> float:
    whole, asked = picture(height, width), dict.fromkeys(restorer.askable, 0.5)
    return median_seconds(
        lambda: restorer.restore(whole, adapters=asked, precision=precision), repeats
    )


def frames_row(restorer: Restorer, *, count: int = 100, repeats: int = 3) -> Row:
    """Compare ``restore_many`` with a loop of ``restore``, on frames of equal size."""
    frames = [picture(240, 320, seed).permute(1, 2, 0).numpy() for seed in range(count)]
    held = dict.fromkeys((adapter.name for adapter in restorer.adapters), 0.5)
    ratio = alternate(
        lambda: [restorer.restore(frame, amounts=held) for frame in frames],
        lambda: list(restorer.restore_many(frames, amounts=held)),
        repeats,
    )
    what = f"restore_many ÷ loop, frames a second, {count} of 320x240"
    return Row("many_over_loop", what, ratio, "ratio", ">= 1.5")


@torch.inference_mode()
def ratio_rows(restorer: Restorer) -> Iterator[Row]:
    """Compare describing with restoring, and blended adapters with the baseline alone."""
    whole = picture(512, 512)
    description = restorer.network.describe(sample_views(whole))
    crop, position = as_float(whole)[None], torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    count = len(restorer.adapters)
    blend = restorer.network.ask(torch.full((1, count), 1 / max(1, count)))
    plain = replace(blend, adapter_weights=None)

    def restore(asked: Asked) -> Tensor:
        with arithmetic("bf16", "cpu"):
            return restorer.network.restore_crops(crop, description, asked, position)

    ratio = alternate(
        lambda: restorer.network.describe(sample_views(whole)), lambda: restore(blend), 15
    )
    yield Row("describe_over_restore", "describe ÷ restore, 512x512", ratio, "ratio", "<= 0.05")
    ratio = alternate(lambda: restore(blend), lambda: restore(plain), 15)
    what = "blended adapters ÷ baseline, one 512x512"
    yield Row("blended_over_baseline", what, ratio, "ratio", "<= 1.05")
    yield _mixed_batch_row(restorer)


def _mixed_batch_row(restorer: Restorer) -> Row:
    """Compare eight different blends in one batch of the engine with the baseline alone."""
    engine = TorchEngine(restorer.network, device="cpu", precision="bf16")
    pictures = [picture(512, 512, seed).permute(1, 2, 0).numpy() for seed in range(8)]
    described = engine.describe([engine.prepare(pixels) for pixels in pictures])
    (tile,) = engine.plan_tiles(512, 512, 512)
    draw = np.random.default_rng(0).uniform(0, 0.5, (8, len(restorer.adapters)))

    def tasks(*, adapters: bool) -> list[RestoreTask]:
        return [
            RestoreTask(pixels, tile, one.description, Removal(tuple(row), adapters=adapters))
            for pixels, one, row in zip(pictures, described, draw.tolist(), strict=True)
        ]

    blended, plain = tasks(adapters=True), tasks(adapters=False)
    ratio = alternate(lambda: engine.restore(blended), lambda: engine.restore(plain), 3)
    what = "eight different blends in one batch ÷ baseline, 512x512"
    return Row("mixed_batch_over_baseline", what, ratio, "ratio", "<= 1.2")
