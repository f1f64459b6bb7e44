import dataclasses

import numpy as np
import pytest

from model.training.data import Batches
from model.training.tones import dim, retone, soften
from tests.model.training.conftest import MIX


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


def test_a_dull_ramp_gets_contrast_and_is_clipped_at_times():
    ramp = np.rint(np.linspace(0.3, 0.7, 120) * 255).astype(np.float32) / np.float32(255)
    dull = np.tile(ramp[None, :, None], (20, 1, 3))
    drawn = [retone(dull, np.random.default_rng(seed))[0, :, 1] for seed in range(60)]
    assert 0.02 < np.mean([(tones == 0).sum() > 1 for tones in drawn]) < 0.5
    steepness = [(tones[80] - tones[40]) / 40 * 119 / np.ptp(tones) for tones in drawn]
    assert max(steepness) > 1.15
    assert min(steepness) < 1


def test_what_is_almost_flat_and_bright_does_not_turn_black():
    levels = np.random.default_rng(0).integers(200, 226, (30, 40, 3))
    flat = levels.astype(np.float32) / np.float32(255)
    drawn = [retone(flat, np.random.default_rng(seed)).mean() for seed in range(200)]
    assert min(drawn) > 0.1


def test_a_dim_picture_has_all_levels_times_the_same_and_is_on_levels():
    grey = np.full((4, 5, 3), 200 / 255, np.float32)
    drawn = np.array([dim(grey, np.random.default_rng(seed))[0, 0] for seed in range(60)])
    assert 0.6 * 200 - 1 <= drawn.min() * 255 < 0.7 * 200
    assert 0.9 * 200 < drawn.max() * 255 <= 200
    np.testing.assert_allclose(drawn * 255, np.rint(drawn * 255), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "change", "dimmed"),
    [
        ("clean", {}, True),
        ("noise", {}, True),
        ("haze", {}, False),
        ("lowlight", {}, False),
        ("rain", {"compound": 1.0, "company": ("haze",)}, False),
        ("lowlight", {"compound": 1.0, "company": ("noise",)}, False),
        ("rain", {"cutmix": 1.0, "company": ("lowlight",)}, False),
    ],
)
def test_pictures_are_dim_unless_how_bright_they_should_be_is_asked(
    name, change, dimmed, sources, monkeypatch
):
    monkeypatch.setattr("model.training.data.dim", lambda picture, _: np.zeros_like(picture))
    monkeypatch.setattr("model.training.data.degrade", lambda picture, *_, **__: picture)
    alone = {"cutmix": 0.0, "compound": 0.0, "retone": 0.0, "depth": 0.0, "batch": 10}
    mix = dataclasses.replace(MIX, odds=((name, 1.0),), dim=1.0, **(alone | change))
    batch = Batches(sources, mix, seed=0)[0]
    assert batch.target.eq(0).all() == dimmed
    assert batch.degraded.eq(0).all() == dimmed  # it is to stay so


def first_draws(sources, monkeypatch, name, **change):
    """Which of 40 pictures of a kind are black, when other tones are always black."""
    monkeypatch.setattr("model.training.data.retone", lambda picture, _: np.zeros_like(picture))
    mix = dataclasses.replace(MIX, odds=((name, 1.0),), depth=0.0, retone=1.0, batch=40, **change)
    target = Batches(sources, mix, seed=0)[0].target
    return (target == 0).flatten(1).all(dim=1)


@pytest.mark.parametrize("name", ["clean", "haze"])
def test_photographs_of_every_kind_get_other_tones_so_that_tones_tell_no_kind(
    name, sources, monkeypatch
):
    assert first_draws(sources, monkeypatch, name, cutmix=0.0, compound=0.0).all()


@pytest.mark.parametrize(
    "change",
    [{"cutmix": 0.0, "compound": 0.0}, {"cutmix": 0.0, "compound": 1.0, "company": ("noise",)}],
)
def test_how_bright_a_picture_of_low_light_should_be_stays(change, sources, monkeypatch):
    assert not first_draws(sources, monkeypatch, "lowlight", **change).any()
    over = {"cutmix": 0.0, "compound": 1.0, "company": ("lowlight",)}
    assert not first_draws(sources, monkeypatch, "noise", **over).any()


def test_a_softened_picture_keeps_its_tones_and_loses_its_finest_detail():
    rng = np.random.default_rng(4)
    picture = np.rint(rng.random((64, 64, 3)) * 255).astype(np.float32) / np.float32(255)
    softer = soften(picture, np.random.default_rng(1))
    assert softer.shape == picture.shape
    assert softer.dtype == np.float32
    assert abs(softer.mean() - picture.mean()) < 0.01
    assert np.abs(np.diff(softer, axis=1)).mean() < 0.8 * np.abs(np.diff(picture, axis=1)).mean()
    np.testing.assert_allclose(softer * 255, np.rint(softer * 255), atol=1e-3)


@pytest.mark.parametrize(("kind", "softened"), [("noise", True), ("clean", True), ("blur", False)])
def test_photographs_are_softened_unless_blur_is_to_be_removed(
    kind, softened, sources, monkeypatch
):
    seen = []

    def noted(picture, rng):
        seen.append(picture)
        return picture

    monkeypatch.setattr("model.training.data.soften", noted)
    mix = dataclasses.replace(MIX, odds=((kind, 1.0),), cutmix=0.0, compound=0.0, soft=1.0)
    Batches(sources, mix, seed=0)[0]
    assert bool(seen) is softened
