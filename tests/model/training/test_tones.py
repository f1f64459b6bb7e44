import dataclasses

import numpy as np
import pytest

from model.training.data import Batches
from model.training.tones import retone
from tests.model.training.conftest import CPU, MIX


def dull_picture():
    rng = np.random.default_rng(0)
    return np.rint(rng.uniform(60, 190, (40, 50, 3))).astype(np.float32) / np.float32(255)


def test_blacks_get_deeper_and_contrast_grows():
    dull = dull_picture()
    drawn = [retone(dull, np.random.default_rng(seed)) for seed in range(40)]
    assert np.mean([picture.min() for picture in drawn]) < 0.6 * dull.min()
    assert np.mean([picture.std() for picture in drawn]) > 1.2 * dull.std()
    assert np.ptp([picture.mean() for picture in drawn]) > 0.1


def test_what_comes_is_on_eight_bit_levels_and_the_order_of_a_channels_tones_stays():
    dull = dull_picture()
    other = retone(dull, np.random.default_rng(3))
    assert other.dtype == np.float32
    np.testing.assert_array_equal(np.rint(other * 255).astype(np.float32) / np.float32(255), other)
    for before, after in zip(dull.reshape(-1, 3).T, other.reshape(-1, 3).T, strict=True):
        assert (np.diff(after[np.argsort(before)]) >= 0).all()


def test_greys_get_a_cast_and_mostly_a_warm_one():
    grey = dull_picture()[..., :1].repeat(3, axis=2)
    drawn = [retone(grey, np.random.default_rng(seed)).mean(axis=(0, 1)) for seed in range(60)]
    red_over_blue = np.array([red / blue for red, _, blue in drawn])
    assert 0.6 < (red_over_blue > 1).mean() < 0.95


@pytest.mark.parametrize("name", ["clean", "haze", "lowlight"])
def test_photographs_get_other_tones_so_that_tones_tell_no_kind_but_not_of_low_light(name, sources):
    def clean(chance):
        odds, mix = ((name, 1.0),), dataclasses.replace(MIX, cutmix=0.0, compound=0.0, depth=0.0)
        mix = dataclasses.replace(mix, odds=odds, retone=chance)
        return Batches(sources, mix, seed=0)[0].on(CPU).clean

    assert clean(1.0).equal(clean(0.0)) == (name == "lowlight")
