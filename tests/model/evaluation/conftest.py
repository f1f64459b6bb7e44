from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def write_picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A folder of six tasks of two 24x20 pictures; degraded is the clean one 10 levels brighter."""
    rng = np.random.default_rng(0)
    for task in ("blur", "blur_small", "haze", "lowlight", "noise25", "rain"):
        for name in ("b", "a"):
            clean = rng.integers(0, 200, (24, 20, 3), dtype=np.uint8)
            write_picture(tmp_path / task / "clean" / f"{name}.png", clean)
            write_picture(tmp_path / task / "degraded" / f"{name}.bmp", clean + np.uint8(10))
    return tmp_path
