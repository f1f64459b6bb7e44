import numpy as np

from model.training.windows import Window
from tests.model.training.conftest import draw_picture

SHAPE = (72, 90)


def draw(seeds, **options):
    return [
        Window.draw(SHAPE, (40, 120), np.random.default_rng(s), **options) for s in range(seeds)
    ]


def test_windows_are_enlarged_at_times_so_that_softness_is_seen_too():
    factors = [window.size[0] / window.source[0] for window in draw(200)]
    enlarged = [factor for factor in factors if factor > 1.05]
    assert 30 < len(enlarged) < 90
    assert 1.7 < max(factors) < 1.85
    assert max(window.size[1] for window in draw(200)) > 110  # of 90 that there are


def test_a_real_pair_is_never_scaled():
    assert all(window.size == window.source for window in draw(100, rescale=False))


def test_what_is_cut_stays_on_its_levels_and_depth_within_its_range():
    clean = draw_picture(0, *SHAPE)
    depth = np.zeros(SHAPE, dtype=np.float32)
    depth[:, 45:] = 1  # an edge, where cubic interpolation would go beyond
    for window in draw(40):
        picture, distance = window.cut(clean), window.cut(depth)
        assert picture.shape[:2] == distance.shape
        np.testing.assert_array_equal(
            np.rint(picture * 255).astype(np.float32) / np.float32(255), picture
        )
        assert distance.min() >= 0
        assert distance.max() <= 1


def test_enlarging_is_soft_and_shrinking_averages():
    edge = np.zeros((40, 60, 3), dtype=np.uint8)
    edge[:, 30:] = 255
    enlarged = Window((0, 0), (40, 60), (62, 93), flip=False, turns=0).cut(edge)
    assert len(np.unique(enlarged)) > 2  # levels between black and white
    board = (np.indices((160, 160)).sum(axis=0) % 2 * 255).astype(np.uint8)
    shrunk = Window((0, 0), (160, 160), (100, 100), flip=False, turns=0)
    assert shrunk.cut(board[..., None].repeat(3, axis=2)).std() < 0.1  # 0.5 as it is
