import numpy as np
import pytest

from model.degradations import sample_severity
from model.degradations.compression import compress_jpeg, lower_bit_depth


@pytest.mark.parametrize(("severity", "levels"), [(0.25, 128), (0.5, 64), (1.0, 16)])
def test_bit_depth_leaves_that_many_levels(severity, levels):
    ramp = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[None, :, None], 3, axis=2)
    for seed in range(10):
        coarse = lower_bit_depth(np.ascontiguousarray(ramp), severity, np.random.default_rng(seed))
        assert len(np.unique(coarse)) <= levels
        assert np.abs(coarse - ramp).max() <= 1 / (levels - 1) + 1 / 255
        assert {0.0, 1.0} <= set(np.unique(coarse).tolist())


def test_jpeg_keeps_channels_apart_and_in_order():
    red = np.zeros((32, 32, 3), dtype=np.float32)
    red[..., 0] = 0.8
    packed = compress_jpeg(red, 0.3, np.random.default_rng(0))
    assert packed.mean(axis=(0, 1)) == pytest.approx([0.8, 0, 0], abs=0.03)


def test_sampled_jpeg_severities_are_qualities_ten_to_forty():
    rng = np.random.default_rng(0)
    qualities = [round(100 - 90 * sample_severity("jpeg", rng)) for _ in range(400)]
    assert min(qualities) in range(10, 13)
    assert max(qualities) in range(38, 41)
