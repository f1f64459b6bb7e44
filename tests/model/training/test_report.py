import pytest
from PIL import Image

from model.pictures.folders import find_pairs
from model.restoring.restorer import Restorer
from model.training.report import draw_curves, draw_grid
from tests.model.conftest import make_network
from tests.model.training.conftest import draw_picture


def height_of(path):
    with Image.open(path) as image:
        return image.height


def test_curves_are_drawn_of_what_has_been_logged(tmp_path):
    draw_curves(tmp_path)
    assert not (tmp_path / "curves.png").exists()
    (tmp_path / "losses.csv").write_text("step,seconds,restoration\n1,2,-3\n2,4,-4\n")
    draw_curves(tmp_path)
    one = height_of(tmp_path / "curves.png")
    (tmp_path / "validation.csv").write_text("step,seconds,noise,rain\n1,2,25,26\n2,4,27,28\n")
    draw_curves(tmp_path)
    assert height_of(tmp_path / "curves.png") == pytest.approx(3 * one, rel=0.05)


def test_the_grid_holds_degraded_restored_and_clean_of_each_task(tmp_path):
    for task in ("haze", "noise25"):
        for side, seed in (("degraded", 1), ("clean", 2)):
            folder = tmp_path / task / side
            folder.mkdir(parents=True)
            Image.fromarray(draw_picture(seed)).save(folder / "a.png")
    draw_grid(
        Restorer(make_network()),
        find_pairs(tmp_path),
        tmp_path / "grid.png",
        adapters="none",
        side=64,
    )
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (3 * 64, 2 * 64)
        middle = Image.fromarray(draw_picture(2)).crop((13, 4, 77, 68))
        assert list(grid.crop((128, 0, 192, 64)).get_flattened_data()) == list(
            middle.get_flattened_data()
        )
