"""The degradation map of a whole picture, and pictures and arrays of it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from model.config import palette_of
from model.pictures.palette import palette_png

OVERLAY_OPACITY = 0.5


@dataclass(frozen=True)
class DegradationMap:
    """The degradation map of a whole picture.

    Attributes:
        classes: Names of the classes.
        labels: Most probable class of each pixel, shape (H, W), uint8.
        means: Mean probability of each class, shape (C,).
        planes: Probabilities of the wanted classes, shape (P, H, W), float16.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.uint8]
    means: NDArray[np.float64]
    planes: NDArray[np.float16]


def palette(classes: Sequence[str]) -> NDArray[np.uint8]:
    """Return the colours of classes as an array of shape (C, 3), uint8, RGB."""
    return np.frombuffer(palette_of(classes), np.uint8).reshape(-1, 3)


def label_png(labels: NDArray[np.uint8], classes: Sequence[str]) -> bytes:
    """Write labels of shape (H, W) as a palette PNG of the same size."""
    return palette_png(labels, palette_of(classes))


def overlay(
    rgb: NDArray[np.uint8], labels: NDArray[np.uint8], classes: Sequence[str], *, clean: int
) -> NDArray[np.uint8]:
    """Draw the colours of ``labels`` (H, W) half transparent over ``rgb`` (H, W, 3).

    Pixels of the class with index ``clean`` are left as they are.
    """
    tinted = palette(classes)[labels]
    cv2.addWeighted(tinted, OVERLAY_OPACITY, rgb, 1 - OVERLAY_OPACITY, 0.0, dst=tinted)
    bare = labels == clean
    tinted[bare] = rgb[bare]
    return tinted


def heat(probability: NDArray[np.float16]) -> NDArray[np.uint8]:
    """Draw a probability (H, W) in [0, 1] as RGB. Colour-blind people can read its colours."""
    levels = np.round(probability.astype(np.float32) * 255).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_CIVIDIS), cv2.COLOR_BGR2RGB).astype(
        np.uint8, copy=False
    )


def npz(probabilities: NDArray[np.float16], classes: Sequence[str]) -> bytes:
    """Pack probabilities of shape (C, H, W) and the classes' names as NumPy's npz."""
    body = io.BytesIO()
    np.savez(body, probabilities=probabilities, classes=np.array(classes))
    return body.getvalue()
