from itertools import pairwise

import numpy as np
import pytest

from model.config import Degradation
from model.degradations import DEGRADATIONS, degrade, sample_severity

SHAPES = [(1, 1), (1, 7), (7, 1), (2, 3), (33, 47)]


def make_picture(height=33, width=47, seed=0):
    """Smooth colours, a hard edge and some texture, as 8-bit levels."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    picture = np.stack([0.2 + 0.6 * x, 0.3 + 0.4 * y, 0.5 + 0.3 * x * y], axis=-1)
    picture += np.where(x > 0.5, 0.15, 0.0)[..., None]
    picture += np.random.default_rng(seed).normal(0, 0.08, picture.shape)
    return (np.rint(np.clip(picture, 0, 1) * 255) / 255).astype(np.float32)


def mean_psnr(clean, degradation, severity, seeds=24):
    errors = [
        np.mean((degrade(clean, degradation, severity, np.random.default_rng(seed)) - clean) ** 2)
        for seed in range(seeds)
    ]
    return np.mean(-10 * np.log10(np.maximum(errors, 1e-12)))


def test_every_degradation_of_the_config_has_an_operator():
    assert {str(degradation) for degradation in Degradation} < set(DEGRADATIONS)
    assert set(DEGRADATIONS) - set(Degradation) == {"jpeg", "bitdepth", "snow"}


@pytest.mark.parametrize("name", DEGRADATIONS)
class TestEveryDegradation:
    def test_severity_zero_gives_an_exact_copy(self, name):
        clean = np.random.default_rng(3).random((9, 11, 3), dtype=np.float32)
        damaged = degrade(clean, name, 0, np.random.default_rng(0))
        assert np.array_equal(damaged, clean)
        assert not np.shares_memory(damaged, clean)

    def test_the_same_seed_gives_the_same_picture(self, name):
        clean = make_picture()
        for seed in range(12):
            first, second = (
                degrade(clean, name, 0.6, np.random.default_rng(seed)) for _ in range(2)
            )
            assert np.array_equal(first, second)

    def test_the_input_is_not_modified(self, name):
        clean = make_picture()
        clean.flags.writeable = False
        before = clean.copy()
        for seed in range(12):
            degrade(clean, name, 0.8, np.random.default_rng(seed))
        assert np.array_equal(clean, before)

    @pytest.mark.parametrize("shape", SHAPES)
    def test_any_size_comes_back_as_exact_eight_bit_levels(self, name, shape):
        clean = make_picture(*shape)
        levels = (np.arange(256) / 255).astype(np.float32)
        for seed in range(16):
            severity = (0.01, 0.5, 1.0)[seed % 3]
            damaged = degrade(clean, name, severity, np.random.default_rng(seed))
            assert damaged.shape == clean.shape
            assert damaged.dtype == np.float32
            assert np.isin(damaged, levels).all()

    def test_psnr_falls_as_severity_rises(self, name):
        clean = make_picture(64, 64)
        qualities = [mean_psnr(clean, name, severity) for severity in (0.1, 0.4, 0.7, 1.0)]
        assert all(milder > worse + 0.1 for milder, worse in pairwise(qualities)), qualities

    def test_a_view_with_strides_is_as_good_as_a_copy(self, name):
        flipped = make_picture()[::-1, ::-1]
        of_view = degrade(flipped, name, 0.5, np.random.default_rng(5))
        of_copy = degrade(flipped.copy(), name, 0.5, np.random.default_rng(5))
        assert np.array_equal(of_view, of_copy)

    def test_sampled_severities_are_positive_and_spread(self, name):
        rng = np.random.default_rng(0)
        severities = np.array([sample_severity(name, rng) for _ in range(300)])
        assert severities.min() > 0
        assert severities.max() <= 1
        assert severities.std() > 0.08


@pytest.mark.parametrize("severity", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_severity_outside_zero_to_one_is_refused(severity):
    with pytest.raises(ValueError, match=r"severity must be in \[0, 1\], got"):
        degrade(make_picture(), "noise", severity, np.random.default_rng(0))


def test_an_unknown_name_is_refused_with_the_known_ones():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"haze, rain, .*jpeg.*'fog'"):
        degrade(make_picture(), "fog", 0.5, rng)
    with pytest.raises(ValueError, match=r"noise, blur, .*jpeg.*'fog'"):
        sample_severity("fog", rng)


def test_another_dtype_is_refused():
    with pytest.raises(TypeError, match="float32 array, got float64"):
        degrade(np.zeros((4, 4, 3)), "noise", 0.5, np.random.default_rng(0))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="float32 array, got list"):
        degrade([[0.0]], "noise", 0.5, np.random.default_rng(0))  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(4, 4), (3, 4, 4), (4, 4, 4), (0, 4, 3), (1, 4, 4, 3)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"shape \(H, W, 3\), got"):
        degrade(np.zeros(shape, dtype=np.float32), "noise", 0.5, np.random.default_rng(0))
