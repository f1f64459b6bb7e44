from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.evaluation.wide import HELD_OUT, held_out, make_wide_validation, read_held_out, spread
from model.pictures.folders import find_pairs, read_rgb
from model.training.sources import read_sources
from tests.model.training.conftest import draw_picture


def save(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_picture(seed, 140, 150)).save(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A training folder of twelve clean pictures, six with depth, six pairs of rain."""
    for index in range(12):
        save(tmp_path / "data" / "clean" / f"photo{index:02d}.png", index)
    for index in range(6):
        save(tmp_path / "data" / "depth" / f"room{index}.png", 20 + index)
        depth = np.tile(np.linspace(1000, 60000, 150).astype(np.uint16), (140, 1))
        Image.fromarray(depth).save(tmp_path / "data" / "depth" / f"room{index}_d.png")
        for side in ("clean", "degraded"):
            save(tmp_path / "data" / "pairs" / "rain" / side / f"street{index}.png", 40 + index)
    return tmp_path / "data"


def make(data: Path, out: Path, **change: int) -> dict[str, int]:
    return make_wide_validation(data, out, **{"every": 3, "run": 2, **change}).tasks


def test_pairs_of_every_degradation_are_made_of_the_pictures_that_are_held_out(data, tmp_path):
    tasks = make(data, tmp_path / "wide")
    pairs = find_pairs(tmp_path / "wide")
    assert {task: len(of) for task, of in pairs.items()} == tasks
    for kind in ("noise", "blur", "rain", "haze", "lowlight", "jpeg", "clean"):
        assert any(task.startswith(kind) for task in tasks)
    assert tasks["noise_white"] == 4
    assert tasks["haze_depth"] == tasks["rain_real"] == 2
    for task, of in pairs.items():
        for pair in of:
            degraded, clean = read_rgb(pair.degraded), read_rgb(pair.clean)
            assert degraded.shape == clean.shape == (140, 150, 3)
            same = bool((degraded == clean).all())
            assert same is (task in ("clean_made", "rain_real"))  # those of the fixture are equal


def test_neighbours_are_held_out_together():
    assert held_out(list(range(12)), every=3, run=2) == [2, 3, 8, 9]


def test_what_is_measured_is_spread_over_everything_that_is_held_out():
    assert spread(list(range(9)), 3) == [0, 4, 8]
    assert spread([1, 2], 5) == [1, 2]


def test_equal_seeds_make_equal_pairs_and_others_do_not(data, tmp_path):
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        make(data, tmp_path / name, seed=seed)
    one, again, other = (
        read_rgb(find_pairs(tmp_path / name)["rain_made"][0].degraded)
        for name in ("one", "again", "other")
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_training_leaves_out_what_the_list_names(data, tmp_path):
    make(data, tmp_path / "wide")
    everything = read_sources(data, pairs=("rain",))
    without = read_held_out(tmp_path / "wide" / HELD_OUT, data)
    rest = read_sources(data, pairs=("rain",), without=without)
    counts = [(len(s.clean), len(s.depth), len(s.pairs["rain"])) for s in (everything, rest)]
    assert counts == [(12, 6, 6), (8, 4, 4)]


def test_a_list_of_another_folder_is_refused(data, tmp_path):
    make(data, tmp_path / "wide")
    with pytest.raises(ValueError, match="made of another training folder"):
        read_held_out(tmp_path / "wide" / HELD_OUT, tmp_path / "elsewhere")


def test_too_few_pictures_are_an_error_that_says_what_to_do(data, tmp_path):
    with pytest.raises(ValueError, match="give a smaller --run or --every"):
        make_wide_validation(data, tmp_path / "wide")
