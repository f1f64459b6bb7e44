import numpy as np
import pytest

from model.degradations import sample_severity
from model.degradations._picture import to_linear
from model.degradations.lowlight import DARKEST, _keep_lamps, expose, lower_light
from tests.model.degradations.test_operators import make_picture


def test_curves_rise_and_keep_black():
    for seed in range(10):
        light = expose(0.8, np.random.default_rng(seed))
        assert light.shape == (256, 3)
        assert np.all(light[0] == 0)
        assert np.all(np.diff(light, axis=0) > 0)


def test_exposure_falls_exponentially_with_severity():
    gains = [
        np.median([expose(severity, np.random.default_rng(seed))[128] for seed in range(60)])
        / to_linear(np.full((1, 1, 3), 128 / 255, dtype=np.float32)).mean()
        for severity in (0.25, 0.5, 1.0)
    ]
    expected = [DARKEST**severity for severity in (0.25, 0.5, 1.0)]
    assert np.log(gains) == pytest.approx(np.log(expected), abs=0.7)


def test_severe_pictures_are_as_dark_as_the_benchmark():
    grey = np.full((32, 32, 3), 0.45, dtype=np.float32)
    means = [lower_light(grey, 0.9, np.random.default_rng(seed)).mean() * 255 for seed in range(20)]
    assert 1 < np.mean(means) < 25


def test_noise_is_coloured_and_strongest_in_red():
    grey = np.full((64, 64, 3), 0.5, dtype=np.float32)
    deviations = np.mean(
        [
            lower_light(grey, 0.7, np.random.default_rng(seed)).std(axis=(0, 1)) * 255
            for seed in range(20)
        ],
        axis=0,
    )
    red, green, blue = deviations
    assert red > blue > green > 0.5


def test_a_little_severity_changes_little():
    grey = np.full((32, 32, 3), 0.5, dtype=np.float32)
    slightly = lower_light(grey, 0.02, np.random.default_rng(0))
    assert np.abs(slightly - grey).mean() < 0.06


def test_four_of_ten_sampled_pictures_are_at_most_a_few_stops_too_dark():
    rng = np.random.default_rng(0)
    stops = [-np.log2(DARKEST ** sample_severity("lowlight", rng)) for _ in range(400)]
    assert min(stops) < 0.5
    assert 0.3 < np.mean(np.array(stops) < 3.2) < 0.5


def test_lamps_stay_bright_in_some_pictures_and_the_street_is_dark_in_all():
    picture = np.full((64, 64, 3), 0.3, dtype=np.float32)
    picture[20:32, 24:36] = 0.95  # the lamp
    dark = [lower_light(picture, 0.9, np.random.default_rng(seed)) for seed in range(80)]
    lit = [one[24:28, 28:32].mean() > 0.85 for one in dark]
    assert 0.08 < np.mean(lit) < 0.5
    assert max(one[48:, 48:].mean() for one in dark) < 0.15


def test_what_lamps_keep_lies_between_the_dark_picture_and_the_clean_one():
    clean = make_picture(48, 64)
    dark = np.rint(clean * 0.1 * 255).astype(np.float32) / np.float32(255)
    moved = 0
    for seed in range(20):
        kept = _keep_lamps(dark, clean, np.random.default_rng(seed))
        levels = np.rint(kept * 255)
        np.testing.assert_array_equal(levels.astype(np.float32) / np.float32(255), kept)
        assert (kept >= np.minimum(dark, clean) - 0.5 / 255).all()
        assert (kept <= np.maximum(dark, clean) + 0.5 / 255).all()
        moved += not np.array_equal(kept, dark)
    assert moved > 15


def test_a_flat_picture_of_any_brightness_stays_within_its_range():
    for level in (0, 1, 128, 254, 255):
        flat = np.full((24, 24, 3), level / 255, dtype=np.float32)
        for seed in range(30):
            dark = lower_light(flat, 0.9, np.random.default_rng(seed))
            assert dark.min() >= 0
            assert dark.max() <= 1
