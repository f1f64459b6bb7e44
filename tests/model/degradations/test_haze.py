import numpy as np
import pytest

from model.degradations import degrade
from model.degradations.haze import BETA_MAX, add_haze, invent_depth


def make_picture(height=40, width=60):
    rng = np.random.default_rng(0)
    return (rng.integers(0, 256, (height, width, 3)) / 255).astype(np.float32)


def test_flat_depth_mixes_every_pixel_with_one_airlight():
    clean = make_picture()
    depth = np.full((40, 60), 3.0, dtype=np.float32)
    hazy = degrade(clean, "haze", 0.5, np.random.default_rng(2), depth=depth)
    through = np.exp(-0.5 * BETA_MAX)
    air = (hazy - clean * through) / (1 - through)
    assert np.ptp(air, axis=(0, 1)).max() <= 1.01 / 255 / (1 - through)  # rounding to 8 bit
    assert 0.65 < air.mean() <= 1.0


def test_haze_grows_with_depth_and_spares_what_has_none():
    clean = np.zeros((4, 50, 3), dtype=np.float32)
    depth = np.tile(np.linspace(0, 9, 50, dtype=np.float32), (4, 1))
    hazy = add_haze(clean, 0.8, np.random.default_rng(0), depth=depth)
    assert np.all(hazy[:, 0] == 0)
    assert np.all(np.diff(hazy[0, :, 1]) >= 0)
    assert hazy[0, -1, 1] > 0.5


def test_depth_counts_relative_to_the_farthest_point():
    clean = make_picture()
    depth = np.random.default_rng(1).random((40, 60), dtype=np.float32)
    metres, millimetres = (
        add_haze(clean, 0.7, np.random.default_rng(0), depth=depth * np.float32(unit))
        for unit in (1, 1024)
    )
    assert np.array_equal(metres, millimetres)


def test_no_depth_at_all_leaves_the_picture():
    clean = make_picture()
    depth = np.zeros((40, 60), dtype=np.float32)
    assert np.array_equal(add_haze(clean, 1, np.random.default_rng(0), depth=depth), clean)


def test_depth_of_another_size_or_below_zero_is_refused():
    clean, rng = make_picture(), np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"depth must have shape \(40, 60\), got \(60, 40\)"):
        add_haze(clean, 0.5, rng, depth=np.ones((60, 40), dtype=np.float32))
    with pytest.raises(ValueError, match="depth must not be negative"):
        add_haze(clean, 0.5, rng, depth=np.full((40, 60), -1, dtype=np.float32))


def test_invented_depth_is_in_range_and_varies():
    for seed in range(10):
        depth = invent_depth(make_picture(64, 48), np.random.default_rng(seed))
        assert depth.shape == (64, 48)
        assert depth.dtype == np.float32
        assert 0 < depth.min() < depth.max() <= 1 + 1e-6
        assert depth.std() > 0.05


def test_edges_of_invented_depth_are_at_the_edges_of_the_picture():
    clean = np.full((96, 96, 3), 0.2, dtype=np.float32)
    clean[:, 48:] = 0.9
    steps = np.mean(
        [
            np.abs(np.diff(invent_depth(clean, np.random.default_rng(seed)), axis=1)).mean(axis=0)
            for seed in range(30)
        ],
        axis=0,
    )
    assert steps.argmax() == 47
    assert steps[47] > 4 * np.median(steps)
