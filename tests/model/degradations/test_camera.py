import numpy as np
import pytest

from model.degradations.camera import camera_noise, store_as_camera
from model.degradations.noise import SIGMA_MAX, add_noise, add_white
from tests.model.degradations.test_noise import make_flat
from tests.model.degradations.test_operators import SHAPES, make_picture


def draw(picture, sigma=0.1, seeds=12):
    return [camera_noise(picture, sigma, np.random.default_rng(seed)) for seed in range(seeds)]


def likeness_of_neighbours(noise):
    return np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]


@pytest.mark.parametrize("sigma", [5 / 255, 25 / 255, 60 / 255])
@pytest.mark.parametrize("picture", [make_flat(0.5), make_picture(96, 96)], ids=["flat", "photo"])
def test_camera_noise_has_the_asked_deviation_and_a_mean_of_about_nothing(picture, sigma):
    for noise in draw(picture, sigma):
        assert noise.dtype == np.float32
        assert noise.std() == pytest.approx(sigma, rel=1e-3)
        assert abs(noise.mean()) < 0.2 * sigma


def test_camera_noise_is_coarser_than_a_pixel_and_white_noise_is_not():
    flat = make_flat(0.5)
    assert min(likeness_of_neighbours(noise) for noise in draw(flat)) > 0.3
    white = add_white(flat, 0.1, np.random.default_rng(0)) - flat
    assert abs(likeness_of_neighbours(white)) < 0.02


def test_camera_noise_is_alike_between_channels():
    likeness = [np.corrcoef(noise.reshape(-1, 3).T)[0, 2] for noise in draw(make_flat(0.5))]
    assert np.mean(likeness) > 0.2


def test_the_brightness_of_camera_noise_is_stronger_than_its_colour():
    shares = []
    for noise in draw(make_flat(0.5), seeds=30):
        luma = noise.mean(axis=2, keepdims=True)
        shares.append(float((noise - luma).std()) / float(luma.std()))
    assert 0.25 < np.median(shares) < 1.1


def test_most_cameras_store_a_jpeg_and_the_others_leave_the_values_as_they_are():
    picture = make_picture(64, 64)
    stored = [store_as_camera(picture, np.random.default_rng(seed)) for seed in range(40)]
    changed = [not np.array_equal(one, picture) for one in stored]
    assert 0.4 < np.mean(changed) < 0.8
    for one in stored:
        assert np.sqrt(((one - picture) ** 2).mean()) < 0.1


def test_equal_seeds_make_equal_camera_noise_and_others_do_not():
    picture = make_picture()
    first, again, other = (
        camera_noise(picture, 0.1, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_twice_the_deviation_is_the_same_noise_twice_as_strong():
    once, twice = (
        camera_noise(make_picture(), sigma, np.random.default_rng(3)) for sigma in (0.05, 0.1)
    )
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-4, atol=1e-6)


def test_the_picture_is_not_modified():
    picture = make_picture()
    picture.flags.writeable = False
    before = picture.copy()
    draw(picture, seeds=4)
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("shape", SHAPES)
def test_pictures_of_any_size_get_finite_noise(shape):
    for noise in draw(make_picture(*shape), seeds=6):
        assert noise.shape == (*shape, 3)
        assert np.isfinite(noise).all()


def test_camera_noise_is_a_part_of_what_noise_draws():
    """It is told from all other kinds, which are almost white, by how alike neighbours are."""
    flat = make_flat(0.5, side=48)
    coarse = []
    for seed in range(120):
        noise = add_noise(flat, 0.3, np.random.default_rng(seed)) - flat
        assert noise.std() < 1.5 * 0.3 * SIGMA_MAX
        coarse.append(likeness_of_neighbours(noise) > 0.3)
    assert 0.2 < np.mean(coarse) < 0.45
