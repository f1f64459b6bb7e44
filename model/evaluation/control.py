"""Measure whether only the asked one of two degradations is removed, and the other one stays."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
from torch import Tensor

from model.config import Degradation
from model.degradations import Picture, degrade, in_order
from model.evaluation.making import as_tensor, clean_pictures, draw_severity
from model.evaluation.scores import PSNR_CAP, PictureRestorer, oracle_name
from model.metrics import psnr


@dataclass(frozen=True)
class Control:
    """Means over pictures with two degradations, of which one is asked for.

    Attributes:
        asked: Degradation that is to be removed.
        left: Degradation that is to stay.
        count: Number of pictures.
        gain_db: PSNR of the answer less that of the input, both against the picture with only
            ``left``, dB.
        shift: Absolute difference of the mean levels of the answer and of that picture, levels of
            255.
    """

    asked: str
    left: str
    count: int
    gain_db: float
    shift: float


def evaluate_control(
    restorer: PictureRestorer, folder: Path, count: int, *, seed: int = 0
) -> Iterator[Control]:
    """Ask for one of two degradations, for every ordered pair of the five.

    Args:
        restorer: What restores.
        folder: Clean pictures.
        count: Number of pictures of each pair.
        seed: Of severities and of all that is random in the degradations.

    Yields:
        The means of each pair.
    """
    for asked, left in permutations(Degradation, 2):
        name = oracle_name(asked, restorer)
        assert name is not None
        values = []
        for both, only_left in _pictures(folder, asked, left, count, seed):
            answer = restorer.restore(both, adapters={name: 1.0})
            gain = _psnr(answer, only_left) - _psnr(both, only_left)
            shift = (answer.float().mean() - only_left.float().mean()).abs().item()
            values.append((gain, shift))
        gain, shift = np.mean(values, axis=0).tolist()
        yield Control(asked, left, len(values), gain, shift)


def _pictures(
    folder: Path, asked: str, left: str, count: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pictures with both degradations, and the same ones with only ``left``."""
    for clean, rng in clean_pictures(folder, count, seed):
        layers = {
            kind: (draw_severity(rng), int(rng.integers(2**31))) for kind in sorted((asked, left))
        }
        both = clean
        for kind in in_order([asked, left]):
            both = _degrade(both, kind, *layers[kind])
        yield as_tensor(both), as_tensor(_degrade(clean, left, *layers[left]))


def _degrade(picture: Picture, kind: str, severity: float, seed: int) -> Picture:
    return degrade(picture, kind, severity, np.random.default_rng(seed))


def _psnr(x: Tensor, y: Tensor) -> float:
    return psnr(x[None].float() / 255, y[None].float() / 255, cap=PSNR_CAP).item()
