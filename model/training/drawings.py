"""Pictures that are no photographs: flat fields, gradients, patterns, pages, windows and charts.

They are drawn at random. A restorer that has only seen photographs takes black for night, grey for
haze and a page for noise.
"""

import string
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from model.degradations import Picture

if TYPE_CHECKING:
    from collections.abc import Callable

Canvas = NDArray[np.uint8]
"""(H, W, 3) RGB, drawn on in place."""

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_TRIPLEX,
)
_LETTERS = np.array([*string.ascii_letters, *string.digits, *".,;:(){}=+-*"])


def draw(height: int, width: int, rng: np.random.Generator) -> Picture:
    """Draw a picture that is no photograph.

    Args:
        height: Rows.
        width: Columns.
        rng: Source of all randomness.

    Returns:
        (height, width, 3) in [0, 1], multiples of 1/255.
    """
    kinds: tuple[Callable[[Canvas, np.random.Generator], None], ...] = (
        _field, _gradient, _cells, _page, _page, _windows, _shapes, _chart,
    )  # fmt: skip
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = _paper(rng)
    kinds[rng.integers(len(kinds))](canvas, rng)
    return canvas.astype(np.float32) / np.float32(255)


def _paper(rng: np.random.Generator) -> Canvas:
    """Draw a colour (3,): often white, black or grey."""
    low, high = ((230, 256), (0, 40), (0, 256), (0, 256))[rng.integers(4)]
    grey = rng.random() < 0.6
    return np.resize(rng.integers(low, high, 1 if grey else 3, dtype=np.uint8), 3)


def _ink(canvas: Canvas, rng: np.random.Generator) -> tuple[int, ...]:
    """Draw a colour that differs from the paper; half of the time black or white."""
    if rng.random() < 0.5:
        return (0, 0, 0) if canvas[0, 0].mean() > 127 else (255, 255, 255)
    return tuple(rng.integers(0, 256, 3).tolist())


def _field(_canvas: Canvas, _rng: np.random.Generator) -> None:
    """Leave the paper empty."""


def _gradient(canvas: Canvas, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    turn = rng.uniform(0, 2 * np.pi)
    ramp = np.linspace(-0.5, 0.5, height)[:, None] * np.sin(turn)
    ramp = ramp + np.linspace(-0.5, 0.5, width) * np.cos(turn)
    ramp = (ramp - ramp.min()) / max(np.ptp(ramp), 1e-6)
    ends = canvas[0, 0].astype(np.float32), _paper(rng).astype(np.float32)
    canvas[:] = np.rint(ends[0] + ramp[..., None] * (ends[1] - ends[0])).astype(np.uint8)


def _cells(canvas: Canvas, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    side = int(rng.integers(2, 32))
    shape = -(-height // side), -(-width // side)
    if rng.random() < 0.5:
        on = rng.random(shape) < rng.uniform(0.1, 0.9)
    else:
        on = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 2 == 0
    canvas[on.repeat(side, 0).repeat(side, 1)[:height, :width]] = _ink(canvas, rng)


def _page(canvas: Canvas, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    font, scale = _FONTS[rng.integers(len(_FONTS))], rng.uniform(0.35, 1.2)
    thick, ink = int(rng.integers(1, 3)), _ink(canvas, rng)
    step, left = int(34 * scale), int(rng.integers(2, 24))
    for line in range(step, height, step):
        if rng.random() < 0.12:
            continue
        if rng.random() < 0.2:
            ink = _ink(canvas, rng)
        words = ("".join(rng.choice(_LETTERS, rng.integers(1, 10))) for _ in range(12))
        text = " ".join(words)[: int(rng.integers(8, 90))]
        at = (left + int(rng.integers(0, 3)) * 16, line)
        cv2.putText(canvas, text, at, font, scale, ink, thick, cv2.LINE_AA)
    if rng.random() < 0.3:
        top = int(rng.integers(0, max(1, height - 8)))
        canvas[top : top + int(rng.integers(8, 96)), left : width - left] = _paper(rng)


def _windows(canvas: Canvas, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        tall, wide = (int(rng.integers(24, max(25, side))) for side in (height, width))
        top = int(rng.integers(0, max(1, height - tall + 1)))
        left = int(rng.integers(0, max(1, width - wide + 1)))
        inside = canvas[top : top + tall, left : left + wide]
        inside[:] = _paper(rng)
        (_page, _field, _gradient, _chart)[rng.integers(4)](inside, rng)
        inside[: int(rng.integers(8, 28))] = _paper(rng)
        cv2.rectangle(canvas, (left, top), (left + wide, top + tall), _ink(canvas, rng), 1)


def _shapes(canvas: Canvas, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    smooth = cv2.LINE_AA if rng.random() < 0.7 else cv2.LINE_8
    for _ in range(int(rng.integers(1, 12))):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        thick = -1 if rng.random() < 0.6 else int(rng.integers(1, 8))
        size, ink = int(rng.integers(4, max(8, min(height, width) // 2))), _ink(canvas, rng)
        if rng.random() < 0.5:
            cv2.circle(canvas, centre, size, ink, thick, smooth)
        else:
            corner = centre[0] + size, centre[1] + int(rng.integers(4, size + 4))
            cv2.rectangle(canvas, centre, corner, ink, thick, smooth)


def _chart(canvas: Canvas, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        steps = int(rng.integers(4, 60))
        xs = np.linspace(0, width - 1, steps)
        ys = height / 2 + np.cumsum(rng.normal(0, height / 12, steps))
        points = np.stack([xs, ys], axis=1).round().astype(np.int32)
        cv2.polylines(
            canvas, [points], False, _ink(canvas, rng), int(rng.integers(1, 4)), cv2.LINE_AA
        )
    cv2.line(canvas, (4, height - 5), (width - 5, height - 5), _ink(canvas, rng), 1)
    cv2.line(canvas, (4, 4), (4, height - 5), _ink(canvas, rng), 1)
