from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.evaluation import SEVERITIES
from model.evaluation.curves import Curves, measure_curves, plot_curves, scale_of
from model.restoring.restorer import Restorer
from tests.model.conftest import make_network, write_picture


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    write_picture(tmp_path / "clean" / "a.png", rng.integers(60, 200, (48, 64, 3), dtype=np.uint8))
    return tmp_path / "clean"


def test_the_input_gets_worse_as_noise_gets_stronger(clean: Path):
    curves = measure_curves(Restorer(make_network(2)), clean, "noise", 2)
    assert (curves.degradation, curves.count) == ("noise", 2)
    assert set(curves.psnr) == {"input", "none", "auto", "oracle"}
    assert {len(values) for values in curves.psnr.values()} == {len(SEVERITIES)}
    assert sorted(curves.psnr["input"], reverse=True) == curves.psnr["input"]


def test_a_degradation_that_no_adapter_fits_has_no_oracle(clean: Path):
    curves = measure_curves(Restorer(make_network()), clean, "snow", 1)
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


@pytest.mark.parametrize(
    ("degradation", "unit", "ticks"),
    [
        ("noise", "standard deviation, of 255", ["12", "24", "36", "48", "60"]),
        ("jpeg", "quality", ["82", "64", "46", "28", "10"]),
        ("bitdepth", "levels a channel", ["147", "84", "49", "28", "16"]),
        ("lowlight", "stops too dark", ["1.45", "2.89", "4.34", "5.78", "7.23"]),
        ("rain", "severity", ["0.2", "0.4", "0.6", "0.8", "1"]),
    ],
)
def test_panels_are_marked_in_units_that_others_use(degradation: str, unit: str, ticks: list[str]):
    assert scale_of(degradation) == (unit, ticks)
