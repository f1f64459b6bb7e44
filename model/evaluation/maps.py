"""Mean IoU of the degradation map on pictures that are degraded here, at known places."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.config import CLASSES, Degradation
from model.degradations import Picture, cutmix, degrade
from model.evaluation.making import as_tensor, clean_pictures, draw_severity
from model.metrics import confusion, mean_iou


class Mix(StrEnum):
    """How degradations share a picture.

    ``HALVES``: rain on the left, noise on the right. ``CUTMIX``: two or three kinds at random, the
    clean picture among them.
    """

    HALVES = "halves"
    CUTMIX = "cutmix"


@dataclass(frozen=True)
class MapScore:
    """How well degradation maps agree with known ones.

    Attributes:
        count: Number of pictures.
        mean_iou: Over the classes that occur, pixels of all pictures together, in [0, 1].
        classes: Names, in the order of the matrix.
        confusion: Pixels by (true class, predicted class).
    """

    count: int
    mean_iou: float
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]


class MixedPicture(NamedTuple):
    """One picture with several degradations beside each other.

    Attributes:
        degraded: Shape (3, H, W), uint8.
        clean: Same.
        labels: Class of each pixel, an index into ``CLASSES``, (H, W), int64.
    """

    degraded: Tensor
    clean: Tensor
    labels: Tensor


def mixed_pictures(folder: Path, count: int, mix: Mix, *, seed: int = 0) -> Iterator[MixedPicture]:
    """Degrade the clean pictures of a folder, each in several ways at known places.

    Args:
        folder: Clean pictures, searched to the bottom; taken in turn until there are enough.
        count: Number of mixed pictures.
        mix: How degradations share a picture.
        seed: Of severities and places; equal seeds give equal pictures.

    Yields:
        Pictures of ``clean_pictures``, mixed.

    Raises:
        ValueError: If the folder holds no picture.
    """
    make = _halves if mix is Mix.HALVES else _cutmix
    for clean, rng in clean_pictures(folder, count, seed):
        mixed, labels = make(clean, rng)
        truth = torch.from_numpy(labels.astype(np.int64))
        yield MixedPicture(as_tensor(mixed), as_tensor(clean), truth)


def _degrade(clean: Picture, name: str, rng: np.random.Generator) -> Picture:
    if name not in set(Degradation):
        return clean
    return degrade(clean, Degradation(name), draw_severity(rng), rng)


def _halves(clean: Picture, rng: np.random.Generator) -> tuple[Picture, NDArray[np.uint8]]:
    middle = clean.shape[1] // 2
    mixed = _degrade(clean, Degradation.RAIN, rng).copy()
    mixed[:, middle:] = _degrade(clean, Degradation.NOISE, rng)[:, middle:]
    labels = np.full(clean.shape[:2], CLASSES.index(Degradation.RAIN), dtype=np.uint8)
    labels[:, middle:] = CLASSES.index(Degradation.NOISE)
    return mixed, labels


def _cutmix(clean: Picture, rng: np.random.Generator) -> tuple[Picture, NDArray[np.uint8]]:
    kinds = rng.choice(len(CLASSES), size=rng.integers(2, 4), replace=False)
    return cutmix([_degrade(clean, CLASSES[kind], rng) for kind in kinds], kinds.tolist(), rng)


def share_seen_right(
    label: Callable[[Tensor], Tensor],
    degraded: Iterable[Tensor],
    kind: str,
    classes: Sequence[str] = CLASSES,
) -> float:
    """Return in what share of pictures of one degradation its class has the largest share.

    Args:
        label: As of ``evaluate_maps``.
        degraded: Pictures (3, H, W) uint8, at least one.
        kind: Their class.
        classes: Names of the classes.
    """
    wanted = list(classes).index(kind)
    counts = [
        torch.bincount(label(picture).flatten(), minlength=len(classes)) for picture in degraded
    ]
    return sum(int(count.argmax()) == wanted for count in counts) / len(counts)


def evaluate_maps(
    label: Callable[[Tensor], Tensor],
    pictures: Iterable[MixedPicture],
    classes: Sequence[str] = CLASSES,
) -> MapScore:
    """Compare predicted degradation maps with known ones.

    Args:
        label: Picture, (3, H, W) uint8 -> class of each pixel, (H, W) integer.
        pictures: What to compare on.
        classes: Names of the classes.

    Returns:
        The score of all pictures together.
    """
    matrix = torch.zeros(len(classes), len(classes), dtype=torch.long)
    count = 0
    for picture in pictures:
        matrix += confusion(label(picture.degraded), picture.labels, len(classes))
        count += 1
    counts = tuple(tuple(row) for row in matrix.tolist())
    return MapScore(count, mean_iou(matrix), tuple(classes), counts)
