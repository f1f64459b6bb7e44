"""Made-up pictures, for where there are none: a smoke run, a preview, a first forward pass."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image


def draw_scene(seed: int, height: int = 192, width: int = 224) -> NDArray[np.uint8]:
    """Draw a scene of a sky, hills, houses and grain; equal seeds give equal scenes.

    Returns:
        (H, W, 3), RGB.
    """
    rng = np.random.default_rng([seed, 17])
    y = np.linspace(0, 1, height)[:, None, None]
    top, bottom = rng.uniform(90, 250, 3), rng.uniform(40, 220, 3)
    scene = np.ascontiguousarray(
        np.broadcast_to(top * (1 - y) + bottom * y, (height, width, 3)), dtype=np.float32
    )
    x = np.arange(width)
    for depth in range(3):
        waves = np.sin(x / rng.uniform(12, 50) + rng.uniform(0, 6)) * height * 0.06
        ridge = height * (0.45 + 0.18 * depth) + waves + np.sin(x / 7 + rng.uniform(0, 6)) * 3
        scene[np.arange(height)[:, None] > ridge] = rng.uniform(20, 200, 3)
    for _ in range(6):
        left, low = int(rng.integers(width)), int(rng.integers(height // 2, height))
        wide, high = (int(side) for side in rng.integers(8, 48, 2))
        colour = tuple(float(value) for value in rng.uniform(10, 240, 3))
        cv2.rectangle(scene, (left, low - high), (left + wide, low), colour, -1)
        for window in range(left + 3, left + wide - 4, 8):
            cv2.rectangle(
                scene, (window, low - high + 4), (window + 3, low - high + 8), (30,) * 3, -1
            )
    texture = cv2.GaussianBlur(rng.normal(0, 30, scene.shape[:2]), (0, 0), rng.uniform(0.6, 1.5))
    drawn = np.clip(scene + np.asarray(texture)[..., None], 0, 255)
    return np.asarray(drawn, dtype=np.uint8)


def write_scenes(folder: Path, count: int) -> None:
    """Write ``count`` scenes as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        Image.fromarray(draw_scene(seed)).save(folder / f"scene-{seed}.png")
