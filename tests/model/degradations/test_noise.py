import numpy as np
import pytest

from model.degradations._picture import draw_normal, to_levels, to_linear
from model.degradations.noise import (
    SIGMA_MAX,
    _add_coloured,
    _add_demosaiced,
    _add_shot,
    add_noise,
    add_white,
)


def make_flat(level, side=96):
    return np.full((side, side, 3), level, dtype=np.float32)


def test_tabulated_noise_is_standard_normal():
    noise = draw_normal((500, 500), np.random.default_rng(0))
    assert abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(1, abs=0.01)
    within = [np.mean(np.abs(noise) < deviations) for deviations in (1, 2, 3)]
    assert within == pytest.approx([0.6827, 0.9545, 0.9973], abs=0.004)


@pytest.mark.parametrize("sigma", [5, 15, 25, 50])
def test_white_noise_has_the_asked_deviation_and_no_bias(sigma):
    noisy = to_levels(add_white(make_flat(0.5), sigma / 255, np.random.default_rng(1)))
    residual = (noisy - 0.5) * 255
    assert residual.std() == pytest.approx(np.hypot(sigma, 12**-0.5), rel=0.02)
    assert abs(residual.mean()) < 0.02 * sigma


@pytest.mark.parametrize("add", [_add_shot, _add_coloured, _add_demosaiced])
def test_every_other_kind_has_about_the_asked_deviation_at_mid_grey(add):
    mid_grey = make_flat(0.461)  # 18 % of the light
    deviations = [
        (add(mid_grey, 15 / 255, np.random.default_rng(seed)) - mid_grey).std() * 255
        for seed in range(12)
    ]
    assert np.mean(deviations) == pytest.approx(15, rel=0.1)


def test_variance_of_shot_noise_grows_with_light():
    rng = np.random.default_rng(0)
    dark, bright = (
        np.mean([to_linear(_add_shot(make_flat(level), 0.03, rng)).var() for _ in range(12)])
        for level in (0.4, 0.8)
    )
    # light is 0.133 and 0.604; between half and all of the variance at 0.18 is of shots
    assert 1.8 < bright / dark < 4.6


def test_demosaiced_noise_is_alike_between_neighbours_and_white_noise_is_not():
    def correlation(noise):
        return np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]

    flat = make_flat(0.5)
    white = add_white(flat, 0.1, np.random.default_rng(0)) - flat
    demosaiced = _add_demosaiced(flat, 0.1, np.random.default_rng(0)) - flat
    assert abs(correlation(white)) < 0.02
    assert correlation(demosaiced) > 0.02


def test_most_draws_are_white_of_deviation_severity_times_the_largest():
    white = []
    for seed in range(80):
        noise = add_noise(make_flat(0.5), 0.5, np.random.default_rng(seed)) - 0.5
        alike = np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]
        white.append(abs(noise.std() / (0.5 * SIGMA_MAX) - 1) < 0.03 and abs(alike) < 0.03)
    assert 0.4 < np.mean(white) < 0.75
