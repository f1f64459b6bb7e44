"""Rain streaks: bright, thin, of one direction a picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from model.degradations._picture import Picture, smooth_field, to_levels

_MIST_SHARE = 0.15


def add_rain(clean: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Add streaks in a few layers of depth, and sometimes a thin mist.

    Severity drives both how much of the picture streaks cover and how bright they are.

    Args:
        clean: (H, W, 3) in [0, 1].
        severity: In [0, 1].
        rng: Source of randomness.

    Returns:
        (H, W, 3), 8-bit levels.
    """
    if severity == 0:
        return clean.copy()
    streaks = draw_streaks(clean.shape[0], clean.shape[1], severity, rng)
    picture = clean
    if rng.random() < _MIST_SHARE:
        mist = np.float32(severity * rng.uniform(0.03, 0.2))
        picture = clean * (1 - mist) + mist * np.float32(rng.uniform(0.7, 1.0))
    return to_levels(picture + streaks[..., None])


def draw_streaks(
    height: int, width: int, severity: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Light that the streaks add.

    Drawn upright on a canvas that is then turned by the angle of the rain: upright streaks are
    dots smeared along columns, which box filters do at a cost that does not grow with length.

    Args:
        height: Rows of the picture.
        width: Columns of the picture.
        severity: In (0, 1].
        rng: Source of randomness.

    Returns:
        (height, width), nonnegative.
    """
    angle = np.clip(rng.normal(0, 17), -60, 60)
    radians = np.radians(angle)
    cosine, sine = np.cos(radians), np.abs(np.sin(radians))
    rows = int(height * cosine + width * sine) + 8
    columns = int(width * cosine + height * sine) + 8
    canvas = np.zeros((rows, columns), dtype=np.float32)
    layers = int(rng.integers(2, 4))
    length = np.exp(rng.uniform(np.log(18), np.log(80)))
    cover = severity * rng.uniform(0.3, 0.8) / layers
    brightness = (0.03 + 0.2 * severity) * rng.uniform(0.6, 1.4)
    for layer in range(layers):
        near = layer / max(1, layers - 1)
        canvas += _smear_dots(
            rows, columns, length * (0.6 + 0.8 * near), 0.45 + 0.4 * near, cover, rng
        )
    canvas *= np.float32(brightness)
    flicker = smooth_field(rows, columns, max(2, max(rows, columns) // 10), rng)
    canvas *= np.clip(1 + 0.3 * flicker, 0.2, 2)
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), float(angle), 1.0)
    shift = np.array([[0, 0, width - columns], [0, 0, height - rows]]) / 2
    turned = cv2.warpAffine(canvas, matrix + shift, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(turned, dtype=np.float32)


def _smear_dots(
    rows: int, columns: int, length: float, spread: float, cover: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """One layer: random dots smeared to upright streaks with tapered ends.

    Args:
        rows: Rows of the canvas.
        columns: Columns of the canvas.
        length: Pixels from end to end.
        spread: Standard deviation across, in pixels.
        cover: Share of the canvas that streaks cover.
        rng: Source of randomness.

    Returns:
        (rows, columns); a streak's peak is exponential with mean about 1.
    """
    count = max(1, rng.poisson(cover * rows * columns / (length * spread * 3)))
    dots = np.zeros((rows, columns), dtype=np.float32)
    places = rng.integers(0, rows, count), rng.integers(0, columns, count)
    body, taper = max(2, round(length * 0.65)), max(1, round(length * 0.35))
    dots[places] = rng.exponential(1, count).astype(np.float32) * np.float32(body)
    smeared = cv2.blur(dots, (1, body), borderType=cv2.BORDER_CONSTANT)
    smeared = cv2.blur(smeared, (1, taper), borderType=cv2.BORDER_CONSTANT)
    across = np.exp(-0.5 * (np.arange(-3, 4) / spread) ** 2)
    smeared = cv2.sepFilter2D(smeared, -1, across, np.ones(1))
    return np.asarray(smeared, dtype=np.float32).reshape(rows, columns)
