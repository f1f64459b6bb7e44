import numpy as np
import pytest

from model.degradations._picture import to_gamma, to_levels, to_linear
from model.degradations.blur import (
    LENGTH_MAX,
    _defocus,
    _move_things,
    _shake,
    _shake_frames,
    blur,
    motion_kernel,
    walk,
)

KINDS = [_shake, _shake_frames, _move_things, _defocus]


@pytest.mark.parametrize("length", [1.0, 3.0, 12.5, 40.0])
def test_a_walk_is_as_long_as_asked_and_centred(length):
    for seed in range(10):
        path = walk(16, length, np.random.default_rng(seed))
        extent = np.ptp(path, axis=0)
        assert np.hypot(*extent) == pytest.approx(length - 1, abs=1e-6)
        assert path.min(axis=0) + path.max(axis=0) == pytest.approx([0, 0], abs=1e-6)


def test_the_kernel_of_a_straight_path_is_a_box():
    path = np.stack([np.linspace(-2, 2, 50), np.zeros(50)], axis=1)
    kernel = motion_kernel(path)
    middle = kernel[kernel.shape[0] // 2]
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    assert middle.sum() == pytest.approx(1, abs=1e-6)
    inside = middle[len(middle) // 2 - 1 : len(middle) // 2 + 2]
    assert inside == pytest.approx([0.25, 0.25, 0.25], abs=0.01)


def test_kernels_are_odd_positive_and_sum_to_one():
    for seed in range(20):
        kernel = motion_kernel(walk(20, 1 + 2 * seed, np.random.default_rng(seed)))
        assert kernel.shape[0] == kernel.shape[1]
        assert kernel.shape[0] % 2 == 1
        assert kernel.min() >= 0
        assert kernel.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_a_flat_picture(kind):
    flat = np.full((30, 40, 3), 0.4, dtype=np.float32)
    for seed in range(6):
        blurred = kind(flat, 15.0, np.random.default_rng(seed))
        assert blurred == pytest.approx(flat, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_takes_detail_away(kind):
    detail = np.random.default_rng(0).random((60, 80, 3), dtype=np.float32)
    for seed in range(6):
        blurred = kind(detail, 15.0, np.random.default_rng(seed))
        assert blurred.std() < 0.9 * detail.std()
        assert blurred.mean() == pytest.approx(detail.mean(), abs=0.03)


def test_half_of_the_draws_average_light_and_keep_highlights_bright():
    clean = np.zeros((64, 64, 3), dtype=np.float32)
    clean[::2] = 1  # half the light: 0.735 when averaged as light, 0.5 as encoded values
    levels = [
        blur(clean, 1.0, np.random.default_rng(seed))[24:40, 24:40].mean() for seed in range(40)
    ]
    assert max(levels) > 0.65
    assert min(levels) < 0.55


def test_longest_motion_fits_the_documented_length():
    rng = np.random.default_rng(0)
    kernel = motion_kernel(walk(32, 1 + LENGTH_MAX * 1.1, rng))
    assert kernel.shape[0] <= LENGTH_MAX * 1.1 + 5


def test_curves_of_light_undo_each_other_and_keep_the_ends():
    levels = to_levels(np.random.default_rng(0).random((16, 16, 3), dtype=np.float32))
    assert np.array_equal(to_levels(to_gamma(to_linear(levels))), levels)
    ends = np.array([[[0.0, 1.0, 0.5]]], dtype=np.float32)
    assert to_linear(ends).ravel() == pytest.approx([0, 1, 0.21404], abs=1e-4)
