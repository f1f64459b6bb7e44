from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.evaluation import SEVERITIES
from model.evaluation.curves import Curves, measure_curves, plot_curves
from tests.model.conftest import make_restorer
from tests.model.evaluation.conftest import write_picture


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    write_picture(tmp_path / "clean" / "a.png", rng.integers(60, 200, (48, 64, 3), dtype=np.uint8))
    return tmp_path / "clean"


def test_the_input_gets_worse_as_noise_gets_stronger(clean: Path):
    curves = measure_curves(make_restorer(2), clean, "noise", 2)
    assert (curves.degradation, curves.count) == ("noise", 2)
    assert set(curves.psnr) == {"input", "none", "auto", "oracle"}
    assert {len(values) for values in curves.psnr.values()} == {len(SEVERITIES)}
    assert sorted(curves.psnr["input"], reverse=True) == curves.psnr["input"]


def test_a_degradation_that_no_adapter_fits_has_no_oracle(clean: Path):
    curves = measure_curves(make_restorer(), clean, "snow", 1)
    assert set(curves.psnr) == {"input", "none", "auto"}


def test_four_panels_fill_a_row_of_the_picture(tmp_path: Path):
    heights = []
    for count in (1, 4, 5):
        values = [30.0, 29.0, 28.0, 27.0, 26.0]
        curves = [Curves("rain", 1, {"input": values, "auto": values})] * count
        plot_curves(curves, tmp_path / "curves.webp")
        with Image.open(tmp_path / "curves.webp") as picture:
            heights.append(picture.height)
    assert heights[0] == heights[1] == heights[2] / 2
