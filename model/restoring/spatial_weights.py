"""Weights that vary over a picture: the adapters' weights, led by what the map sees where.

The picture is divided into cells of equal size, about ``CELL`` pixels a side. The segmentation
head's probabilities, averaged over each cell and smoothed, lead the weights; between the centres of
cells they are interpolated. All of it is computed once from the whole picture, so that tiles agree.
"""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.restoring.tiling import Box

CELL = 16
"""Side of a cell, pixels, about: cells divide the picture evenly."""
SMOOTHING = 1.5
"""Standard deviation of the smoothing, cells."""
DOUBT = 0.05
"""Probability added to every class: what the map hardly sees anywhere doesn't lead."""


def cells(length: int) -> int:
    """Return how many cells divide ``length`` pixels."""
    return -(-length // CELL)


def sum_by_cell(probabilities: Tensor, keep: Box, height: int, width: int) -> Tensor:
    """Sum probabilities over the cells that a part of a picture touches.

    Args:
        probabilities: Of the part, shape (C, h, w).
        keep: The part, h by w pixels.
        height: Rows of the whole picture.
        width: Columns of the whole picture.

    Returns:
        Shape (C, rows, columns): cells from the first touched to the last.
    """
    rows = _cell_indices(keep.top, keep.bottom, height, probabilities.device)
    columns = _cell_indices(keep.left, keep.right, width, probabilities.device)
    classes = len(probabilities)
    by_row = probabilities.new_zeros(classes, int(rows[-1]) + 1, keep.width)
    by_row.index_add_(1, rows, probabilities)
    by_cell = probabilities.new_zeros(classes, by_row.shape[1], int(columns[-1]) + 1)
    return by_cell.index_add_(2, columns, by_row)


def join_cells(
    parts: Iterable[tuple[Box, NDArray[np.float32]]], height: int, width: int
) -> NDArray[np.float64]:
    """Add the cells of parts that cover a picture: -> mean of each cell, (C, gh, gw), in [0, 1]."""
    grid = (cells(height), cells(width))
    sums = np.zeros((0, *grid))
    for keep, part in parts:
        if not len(sums):
            sums = np.zeros((len(part), *grid))
        row, column = keep.top * grid[0] // height, keep.left * grid[1] // width
        sums[:, row : row + part.shape[1], column : column + part.shape[2]] += part
    return sums / cell_pixels(height, width)


def cell_pixels(height: int, width: int) -> NDArray[np.int64]:
    """Return how many pixels each cell has, shape (gh, gw)."""
    rows, columns = (
        np.bincount(np.arange(length) * cells(length) // length) for length in (height, width)
    )
    return np.outer(rows, columns)


def weights_by_cell(
    weights: Sequence[float],
    seen: NDArray[np.float64],
    *,
    classes: Sequence[str],
    degradations: Sequence[str],
) -> NDArray[np.float32]:
    """Scale the weights of K adapters at each place by what the degradation map sees there.

    An adapter gets its weight where its degradation is seen most, and less elsewhere:
    ``w_k = p_k q_k / max q_k``, with ``q_k`` the probability of its class. An adapter whose
    degradation is no class of the map keeps its weight everywhere.

    Args:
        weights: Of the adapters, in [0, 1].
        seen: Mean probability of each class in each cell, shape (C, gh, gw).
        classes: Names of the classes.
        degradations: What each adapter removes.

    Returns:
        Shape (K, gh, gw), in [0, 1].
    """
    smooth = np.stack([_smooth(plane) for plane in seen]) + DOUBT
    flat = np.ones_like(smooth[0])
    own = [smooth[classes.index(d)] if d in classes else flat for d in degradations]
    given = np.asarray(weights)[:, None, None]
    shares = np.array([q / q.max() for q in own]).reshape(len(own), *flat.shape)
    return np.asarray(given * shares, np.float32)


def _cell_indices(start: int, stop: int, length: int, device: torch.device) -> Tensor:
    """Cell of each pixel from ``start`` to ``stop``, counted from the first one's."""
    index = torch.arange(start, stop, device=device) * cells(length) // length
    return index - index[0]


def _smooth(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    blurred = cv2.GaussianBlur(plane, (0, 0), SMOOTHING, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float64)
