import numpy as np
import pytest
import torch

from model.training.mix import Mix
from model.training.sources import Sample, Sources

CPU = torch.device("cpu")
MIX = Mix(batch=2, crop=32, window=(40, 64))


def draw_picture(seed: int, height: int = 72, width: int = 90) -> np.ndarray:
    """A smooth coloured picture, uint8 RGB."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / 30
    phases = rng.uniform(0, 6, (2, 3))
    waves = np.sin(x[..., None] * (1 + phases[0]) + phases[1]) * np.cos(y[..., None] + phases[0])
    return np.asarray(127 + 100 * waves, dtype=np.uint8)


@pytest.fixture
def sources() -> Sources:
    depth = np.linspace(0, 1, 72 * 90, dtype=np.float32).reshape(72, 90)
    pair = Sample(draw_picture(7), degraded=draw_picture(7) // 8)
    return Sources(
        [Sample(draw_picture(seed)) for seed in range(3)],
        [Sample(draw_picture(5), depth=depth)],
        {"lowlight": [pair]},
    )
