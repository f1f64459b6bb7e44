"""Write the class of each pixel as a palette picture."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def palette_png(labels: NDArray[np.uint8], palette: bytes) -> bytes:
    """Write labels as a palette PNG of the same size.

    Args:
        labels: Index of a colour for each pixel, shape (H, W), uint8.
        palette: Red, green and blue of each index, three bytes per index.
    """
    image = Image.fromarray(labels)
    image.putpalette(palette)
    body = io.BytesIO()
    image.save(body, "PNG", compress_level=1)
    return body.getvalue()
