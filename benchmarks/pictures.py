"""Pictures to measure on: smooth shapes with grain, the same on every machine."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    """Make a picture, (3, H, W) uint8."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(0, 9, height, dtype=np.float32)[:, None]
    columns = np.linspace(0, 9 * width / height, width, dtype=np.float32)[None]
    planes = np.empty((3, height, width), dtype=np.uint8)
    for index in range(3):
        wave = 128 + 70 * np.sin(rows + index + seed) * np.cos(columns * (index + 1))
        wave += rng.normal(0, 12, (height, width)).astype(np.float32)
        planes[index] = wave.clip(0, 255)
    return torch.from_numpy(planes)


def jpeg(pixels: Tensor) -> bytes:
    """Write (3, H, W) uint8 as JPEG."""
    body = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(body, "JPEG", quality=92)
    return body.getvalue()
