"""Rows of the network alone: time by size and precision, what adapters and describing cost."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from model import Restorer, Views, as_float, sample_views
from tests.bench.pictures import picture
from tests.bench.rows import Row

SIZES = {1: (1024, 1024), 6: (2000, 3000), 24: (4000, 6000)}
"""Heights and widths by megapixels, about."""
REPEATS = {0: 15, 1: 5, 6: 3, 24: 1}
"""How often each size is measured; 0 is the 512-pixel square."""


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Compute in ``bf16`` or ``fp32`` inside, without gradients."""
    with (
        torch.inference_mode(),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=name == "bf16"),
    ):
        yield


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
        with precision(name):
            square = picture(512, 512)
            seconds = median_seconds(lambda: restorer.restore_picture(square), REPEATS[0])  # noqa: B023
            yield Row(f"square_{name}", f"512x512, {name}", seconds * 1e3, "ms")
            yield from _megapixel_rows(restorer, name, largest)


def _megapixel_rows(restorer: Restorer, name: str, largest: int) -> Iterator[Row]:
    first = None
    for size, (height, width) in SIZES.items():
        if size > largest:
            return
        whole = picture(height, width)
        seconds = median_seconds(lambda: restorer.restore_picture(whole), REPEATS[size])  # noqa: B023
        speed = seconds / (height * width / 1e6)
        yield Row(f"megapixels_{size}_{name}", f"{size} megapixels, {name}", speed, "s/MP")
        first = first or speed
        if size == 24:
            what = f"24 megapixels ÷ 1 megapixel, time a megapixel, {name}"
            yield Row(f"large_over_small_{name}", what, speed / first, "ratio", "<= 1.3")


def ratio_rows(restorer: Restorer) -> Iterator[Row]:
    """Compare describing with restoring, and blended adapters with the baseline alone."""
    with precision("bf16"):
        views = Views.stack([sample_views(picture(512, 512))])
        description = restorer.describe(views)
        crop, box = _crops(1)
        count = len(restorer.adapters)
        blend = torch.full((1, count), 1 / max(1, count))

        def restore(weights: Tensor | None) -> Tensor:
            return restorer.restore(crop, description, weights, box)

        ratio = alternate(lambda: restorer.describe(views), lambda: restore(blend), 15)
        yield Row("describe_over_restore", "describe ÷ restore, 512x512", ratio, "ratio", "<= 0.05")
        ratio = alternate(lambda: restore(blend), lambda: restore(None), 15)
        what = "blended adapters ÷ baseline, one 512x512"
        yield Row("blended_over_baseline", what, ratio, "ratio", "<= 1.05")
        yield _mixed_batch_row(restorer)


def _mixed_batch_row(restorer: Restorer) -> Row:
    """Compare a batch of eight different blends with the baseline alone."""
    crops, boxes = _crops(8)
    description = restorer.describe(
        Views.stack([sample_views(picture(512, 512, s)) for s in range(8)])
    )
    generator = torch.Generator().manual_seed(0)
    blends = torch.rand(8, len(restorer.adapters), generator=generator) / 2
    ratio = alternate(
        lambda: restorer.restore(crops, description, blends, boxes),
        lambda: restorer.restore(crops, description, None, boxes),
        3,
    )
    what = "eight different blends in one batch ÷ baseline, 512x512"
    return Row("mixed_batch_over_baseline", what, ratio, "ratio", "<= 1.2")


def _crops(count: int) -> tuple[Tensor, Tensor]:
    """Return 512-pixel squares as crops (B, 3, 512, 512) in [0, 1], and boxes (B, 4)."""
    crops = torch.stack([as_float(picture(512, 512, seed)) for seed in range(count)])
    return crops, torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(count, -1)
