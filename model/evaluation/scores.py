"""PSNR, SSIM and time of every mode on folders of pairs.

Pictures are restored as a user gets them: from 8 bits to 8 bits, whole, at any size. The numbers
are those of ``model.metrics``; PSNR is capped, so that an untouched clean picture has a number.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from model.config import Degradation
from model.evaluation.tasks import degradation_of, kind_of
from model.metrics import psnr, ssim
from model.pictures.folders import Pair, read_rgb
from model.restoring.photographs import as_planes

PSNR_CAP = 60.0
"""PSNR is capped at this value, dB, so that a perfect picture has a number."""
MODES = ("none", "auto", "top", "oracle")
"""Ways to choose adapters: none, all estimated amounts, the largest amount, the task's own."""
OTHER_MODES = ("sum", "average", "pixel")
"""Measured where asked for: every adapter whole or in equal parts, as the paper's table 8; and the
soft blend led over the picture by its map."""


class NamedAdapter(Protocol):
    """The fields of an adapter that choosing by task needs."""

    @property
    def name(self) -> str:
        """Name that ``restore`` takes."""
        ...

    @property
    def degradation(self) -> str:
        """What it removes."""
        ...


class PictureRestorer(Protocol):
    """The part of ``model.Restorer`` that is measured here."""

    @property
    def adapters(self) -> Sequence[NamedAdapter]:
        """Installed adapters."""
        ...

    @property
    def askable(self) -> Sequence[str]:
        """Names that can be asked for: the adapters, and what the baseline alone removes."""
        ...

    def restore(
        self,
        picture: Tensor,
        *,
        adapters: str | Mapping[str, float] = "auto",
        blend: str = "image",
    ) -> Tensor:
        """Restore a whole picture, (3, H, W) uint8 -> (3, H, W) uint8."""
        ...


@dataclass(frozen=True)
class Score:
    """Means over the pictures of a task.

    Attributes:
        task: Name of the task's folder.
        mode: A way to choose adapters, or ``input`` for the degraded pictures as they came.
        count: Number of pictures.
        psnr: dB, capped at ``PSNR_CAP``.
        ssim: In [-1, 1].
        seconds_per_megapixel: Seconds of all pictures over megapixels of all; None for the input.
        each: PSNR of each picture, in their order.
    """

    task: str
    mode: str
    count: int
    psnr: float
    ssim: float
    seconds_per_megapixel: float | None
    each: tuple[float, ...] = ()

    @property
    def worst(self) -> float:
        """Mean PSNR of the worst tenth of the pictures, at least one, dB; NaN without pictures."""
        lowest = sorted(self.each)[: max(1, len(self.each) // 10)]
        return float(np.mean(lowest)) if lowest else float("nan")


def oracle_name(task: str, restorer: PictureRestorer) -> str | None:
    """Return the name to ask for in a task, whose name starts with its degradation; else None."""
    kinds = {name: name for name in restorer.askable}
    kinds |= {adapter.name: adapter.degradation for adapter in restorer.adapters}
    wanted = degradation_of(task, kinds.values())
    return next((name for name, kind in kinds.items() if kind == wanted), None)


def evaluate_task(
    restorer: PictureRestorer,
    task: str,
    pairs: Sequence[Pair],
    *,
    modes: Sequence[str] = MODES,
    advance: Callable[[], None] = lambda: None,
) -> list[Score]:
    """Score the input and every mode on one task, at least one pair; see ``evaluate_pictures``."""
    pictures = (_read(pair) for pair in pairs)
    return evaluate_pictures(restorer, task, pictures, modes=modes, advance=advance)


def _read(pair: Pair) -> tuple[Tensor, Tensor]:
    return as_planes(read_rgb(pair.degraded)), as_planes(read_rgb(pair.clean))


def evaluate_pictures(
    restorer: PictureRestorer,
    task: str,
    pictures: Iterable[tuple[Tensor, Tensor]],
    *,
    modes: Sequence[str] = MODES,
    advance: Callable[[], None] = lambda: None,
) -> list[Score]:
    """Score the input and every mode on degraded pictures.

    Args:
        restorer: What restores.
        task: Name of the task; its start names the oracle's adapter.
        pictures: Degraded and clean ones, (3, H, W) uint8, at least one pair.
        modes: Some of ``MODES`` and ``OTHER_MODES``; the oracle is left out where no adapter fits
            the task.
        advance: Called after each picture.

    Returns:
        A row for the input, then one for each mode.
    """
    choices = _choices(task, restorer, modes)
    values: dict[str, list[tuple[float, float]]] = {mode: [] for mode in ("input", *choices)}
    seconds = dict.fromkeys(choices, 0.0)
    megapixels = 0.0
    for degraded, clean in pictures:
        megapixels += clean.shape[1] * clean.shape[2] / 1e6
        values["input"].append(_compare(degraded, clean))
        for mode, (adapters, blend) in choices.items():
            start = time.perf_counter()
            restored = restorer.restore(degraded, adapters=adapters, blend=blend)
            seconds[mode] += time.perf_counter() - start
            values[mode].append(_compare(restored, clean))
        advance()
    return [
        _mean_score(task, mode, of_mode, seconds[mode] / megapixels if mode in seconds else None)
        for mode, of_mode in values.items()
    ]


def _choices(
    task: str, restorer: PictureRestorer, modes: Sequence[str]
) -> dict[str, tuple[str | Mapping[str, float], str]]:
    """Map each mode to the arguments ``adapters`` and ``blend`` of ``restore``."""
    known = (*MODES, *OTHER_MODES)
    if unknown := set(modes) - set(known):
        raise ValueError(f"modes are {', '.join(known)}, got {', '.join(sorted(unknown))}")
    names = [adapter.name for adapter in restorer.adapters]
    choices: dict[str, tuple[str | Mapping[str, float], str]] = {}
    for mode in modes:
        match mode:
            case "oracle":
                if (name := oracle_name(task, restorer)) is not None:
                    choices[mode] = {name: 1.0}, "image"
            case "sum":
                choices[mode] = dict.fromkeys(names, 1.0), "image"
            case "average":
                choices[mode] = dict.fromkeys(names, 1 / max(1, len(names))), "image"
            case "pixel":
                choices[mode] = "auto", "pixel"
            case _:
                choices[mode] = mode, "image"
    return choices


def _compare(restored: Tensor, clean: Tensor) -> tuple[float, float]:
    """Return PSNR and SSIM of two (3, H, W) uint8 pictures."""
    x, y = restored[None].float() / 255, clean[None].float() / 255
    return psnr(x, y, cap=PSNR_CAP).item(), ssim(x, y).item()


def _mean_score(
    task: str, mode: str, pictures: Sequence[tuple[float, float]], speed: float | None
) -> Score:
    decibels, similarity = np.mean(pictures, axis=0)
    each = tuple(value for value, _ in pictures)
    return Score(task, mode, len(pictures), float(decibels), float(similarity), speed, each)


def five_task_average(scores: Iterable[Score]) -> list[Score]:
    """Average each mode over noise, blur, rain, haze and low light, as the paper's tables do.

    A degradation's tasks carry its name, or its name and a number (``noise25``); several of one
    degradation count as one, by their mean. Other tasks (``blur_small``, ``clean``) don't count.

    Args:
        scores: Rows of ``evaluate_task``.

    Returns:
        One row per mode, in order of first appearance; none for a mode that lacks a degradation.
    """
    kinds: dict[str, list[Score]] = {}
    for score in scores:
        if (kind := kind_of(score.task)) in set(Degradation):
            kinds.setdefault(kind, []).append(score)
    of_kinds = [row for kind, rows in kinds.items() for row in average(rows, kind)]
    complete = Counter(row.mode for row in of_kinds)
    rows = [row for row in of_kinds if complete[row.mode] == len(Degradation)]
    return average(rows, "five-task average")


def average(scores: Iterable[Score], name: str) -> list[Score]:
    """Average each mode over tasks, whatever their number of pictures; ``name`` is the rows'."""
    modes: dict[str, list[Score]] = {}
    for score in scores:
        modes.setdefault(score.mode, []).append(score)
    return [_average(name, mode, rows) for mode, rows in modes.items()]


def _average(name: str, mode: str, rows: Sequence[Score]) -> Score:
    decibels, similarity = np.mean([(row.psnr, row.ssim) for row in rows], axis=0)
    speeds = [row.seconds_per_megapixel for row in rows if row.seconds_per_megapixel is not None]
    return Score(
        name,
        mode,
        sum(row.count for row in rows),
        float(decibels),
        float(similarity),
        float(np.mean(speeds)) if speeds else None,
    )
