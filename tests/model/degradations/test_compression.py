import numpy as np
import pytest

from model.degradations import sample_severity
from model.degradations.compression import compress_jpeg, lower_bit_depth, quality_of


@pytest.mark.parametrize(("severity", "levels"), [(0.25, 128), (0.5, 64), (1.0, 16)])
def test_bit_depth_leaves_that_many_levels(severity, levels):
    ramp = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[None, :, None], 3, axis=2)
    for seed in range(10):
        coarse = lower_bit_depth(np.ascontiguousarray(ramp), severity, np.random.default_rng(seed))
        assert len(np.unique(coarse)) <= levels
        assert np.abs(coarse - ramp).max() <= 1 / (levels - 1) + 1 / 255
        assert coarse.min() == 0


def test_bits_are_rounded_from_black_to_white_or_cut_off():
    ramp = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[None, :, None], 3, axis=2)
    cut = np.arange(256) // 16 * 16
    made = [lower_bit_depth(ramp, 1.0, np.random.default_rng(seed)) for seed in range(20)]
    levels = [np.rint(one[0, :, 0] * 255) for one in made]
    truncated = sum(np.array_equal(one, cut) for one in levels)
    assert 0 < truncated < 20
    assert sum(one.max() == 255 for one in levels) == 20 - truncated


def test_jpeg_keeps_channels_apart_and_in_order():
    red = np.zeros((32, 32, 3), dtype=np.float32)
    red[..., 0] = 0.8
    packed = compress_jpeg(red, 0.3, np.random.default_rng(0))
    assert packed.mean(axis=(0, 1)) == pytest.approx([0.8, 0, 0], abs=0.03)


def test_sampled_jpeg_qualities_are_mostly_ten_to_forty_and_some_up_to_85():
    rng = np.random.default_rng(0)
    qualities = [quality_of(sample_severity("jpeg", rng)) for _ in range(400)]
    assert min(qualities) in range(10, 13)
    assert max(qualities) in range(82, 86)
    assert 0.6 < sum(quality <= 40 for quality in qualities) / 400 < 0.8
