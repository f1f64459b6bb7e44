"""Values of floats, of which 0 is black and 1 is white, and those that lie beyond."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.pictures.errors import UnsupportedPictureError

FULL = 65_535
"""What 1 becomes."""
CLIPPED = "values below 0 or above 1 were clipped; abair restore keeps them if it writes TIFF"
KEPT = "values below 0 or above 1 were restored as 0 or 1; they are kept in a TIFF"


class Floats:
    """Brings a picture of floats to 16 bits, a band at a time.

    Args:
        shape: Rows, columns and channels of colour.
        keep: Whether to keep what lies beyond.
    """

    def __init__(self, shape: tuple[int, int, int], *, keep: bool) -> None:
        self._keep, self._shape = keep, shape
        self._beyond: NDArray[np.float32] | None = None
        self._total, self._count = 0.0, 0
        self._low, self._high = 0.0, 1.0

    def integers(
        self, band: NDArray[Any], rows: slice, left: int, plane: int
    ) -> NDArray[np.uint16]:
        """Return a band (h, w, C) as whole numbers, and note what lies beyond.

        Args:
            band: Values.
            rows: Where it lies.
            left: Its first column.
            plane: Its first channel.

        Raises:
            UnsupportedPictureError: If a value is no finite number.
        """
        values = band.astype(np.float32)
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise UnsupportedPictureError(
                "the TIFF has floats that are no finite numbers", hint=_HINT
            )
        self._low, self._high = min(self._low, low), max(self._high, high)
        self._total += float(values.sum(dtype=np.float64))
        self._count += values.size
        inside = values.clip(0, 1)
        if self._keep and (low < 0 or high > 1) and plane < self._shape[2]:
            if self._beyond is None:
                self._beyond = np.zeros(self._shape, np.float32)
            columns = slice(left, left + band.shape[1])
            channels = min(band.shape[2], self._shape[2] - plane)
            over = (values - inside)[:, :, :channels]
            self._beyond[rows, columns, plane : plane + channels] = over
        return np.round(inside * FULL).astype(np.uint16)

    def beyond(self) -> tuple[NDArray[np.float32] | None, tuple[str, ...]]:
        """Return what lay beyond 0 and 1, (H, W, C), and what the caller should know.

        Raises:
            UnsupportedPictureError: If white can hardly be 1.
        """
        mean = self._total / max(1, self._count)
        if not 0 <= mean <= 1:
            raise UnsupportedPictureError(
                f"black must be 0 and white 1 in a TIFF of floats; these reach from {self._low:g} "
                f"to {self._high:g}, and their mean is {mean:g}",
                hint=_HINT,
            )
        outside = self._low < 0 or self._high > 1
        return self._beyond, ((KEPT if self._keep else CLIPPED),) if outside else ()


_HINT = "Scale the picture so that white is 1, or save it with 16 bits a channel."
