"""A random part of a photograph: cut, scaled, flipped and turned."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from model.degradations import Picture
from model.training.recipe import WindowSettings

_DEFAULT = WindowSettings()


@dataclass(frozen=True)
class Window:
    """One crop, scale, flip and turn, applied to a photograph and to its depth or its pair.

    Attributes:
        origin: First row and column.
        source: Rows and columns that are cut.
        size: Rows and columns that they are scaled to, before turning.
        flip: Whether left and right change sides.
        turns: Quarter turns.
    """

    origin: tuple[int, int]
    source: tuple[int, int]
    size: tuple[int, int]
    flip: bool
    turns: int

    @classmethod
    def draw(
        cls,
        shape: tuple[int, int],
        sides: tuple[int, int],
        rng: np.random.Generator,
        *,
        rescale: bool = True,
        settings: WindowSettings = _DEFAULT,
    ) -> "Window":
        """Draw a window of a photograph.

        Args:
            shape: Rows and columns of the photograph.
            sides: Shortest and longest side of the window; a smaller photograph is taken whole,
                unless it is enlarged.
            rng: Source of all randomness.
            rescale: Whether a larger part may be scaled down to the window, or, at times, a
                smaller one up to it, as soft as pictures of many pixels are.
            settings: What is drawn from.
        """
        enlarged = rescale and rng.random() < settings.enlarged
        zoom = float(rng.uniform(1, settings.most_enlarged)) if enlarged else 1.0
        reach = [int(side * zoom) for side in shape]
        rows, columns = (
            int(rng.integers(min(sides[0], side), min(sides[1], side) + 1)) for side in reach
        )
        room = min(shape[0] / rows, shape[1] / columns, settings.most_reduced)
        reduces = rescale and not enlarged
        shrink = float(rng.uniform(1, room)) ** settings.reduction_power if reduces else 1.0
        scale = shrink / zoom
        source = min(shape[0], round(rows * scale)), min(shape[1], round(columns * scale))
        origin = (
            int(rng.integers(0, shape[0] - source[0] + 1)),
            int(rng.integers(0, shape[1] - source[1] + 1)),
        )
        turns = int(rng.integers(4)) if rng.random() < settings.turned else 0
        return cls(origin, source, (rows, columns), bool(rng.integers(2)), turns)

    def cut(self, whole: NDArray[np.uint8] | Picture) -> Picture:
        """Cut the window out of (H, W[, 3]); uint8 is brought to [0, 1]."""
        (top, left), (rows, columns) = self.origin, self.source
        part: NDArray[Any] = whole[top : top + rows, left : left + columns]
        if self.source != self.size:
            # uint8 stays uint8: off its levels, a clean picture would give itself away.
            size = self.size[1], self.size[0]
            enlarging = cv2.INTER_CUBIC if whole.dtype == np.uint8 else cv2.INTER_LINEAR
            how = enlarging if max(self.size) > max(self.source) else cv2.INTER_AREA
            part = cv2.resize(part, size, interpolation=how).astype(whole.dtype)
        part = np.rot90(part[:, ::-1] if self.flip else part, self.turns)
        scale = 255 if whole.dtype == np.uint8 else 1
        return np.ascontiguousarray(part, dtype=np.float32) / np.float32(scale)
