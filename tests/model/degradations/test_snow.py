from itertools import pairwise

import numpy as np
import pytest

from model.degradations.snow import add_snow, draw_flakes


def opacity(severity: float, seed: int, side: int = 128) -> np.ndarray:
    return draw_flakes(side, side, severity, np.random.default_rng(seed))


def test_flakes_are_partly_transparent_and_never_cover_all():
    for seed in range(10):
        flakes = opacity(1.0, seed)
        assert flakes.min() >= 0
        assert 0.3 < flakes.max() < 1
        assert np.mean(flakes < 0.05) > 0.2


def test_more_severe_snow_covers_more():
    def cover(severity):
        return np.mean([np.mean(opacity(severity, seed) > 0.1) for seed in range(12)])

    assert 0 < cover(0.2) < cover(0.5) / 1.5 < cover(1.0) / 2


def test_flakes_are_of_several_sizes():
    """The light of one picture's snow is spread over octaves of scale, unlike one dot's."""
    for seed in range(6):
        flakes = opacity(0.9, seed, 256)
        scales = [flakes]
        for _ in range(4):
            scales.append(scales[-1].reshape(len(scales[-1]) // 2, 2, -1, 2).mean(axis=(1, 3)))
        energy = [
            np.var(fine - np.kron(coarse, np.ones((2, 2)))) for fine, coarse in pairwise(scales)
        ]
        assert min(energy) > 0.02 * sum(energy)


def test_the_wind_gives_the_flakes_of_a_picture_one_direction():
    ratios = []
    for seed in range(12):
        down, across = np.gradient(opacity(0.7, seed))
        weak, strong = np.linalg.eigvalsh(np.cov(np.stack([down.ravel(), across.ravel()])))
        ratios.append(weak / strong)
    assert min(ratios) < 0.35  # some pictures have a storm,
    assert max(ratios) > 0.7  # in others it falls gently


def test_snow_is_bright_and_almost_without_colour():
    dark = np.full((80, 80, 3), 0.2, dtype=np.float32)
    for seed in range(6):
        snowy = add_snow(dark, 0.8, np.random.default_rng(seed))
        assert snowy.min() >= 0.2 - 1 / 255
        assert snowy.max() > 0.4
        assert np.ptp(snowy, axis=2).max() < 0.1


def test_a_veil_pales_some_pictures():
    black = np.zeros((64, 64, 3), dtype=np.float32)
    floors = [add_snow(black, 0.5, np.random.default_rng(seed)).min() for seed in range(60)]
    assert 0.3 < np.mean(np.array(floors) > 1.5 / 255) < 0.7


@pytest.mark.parametrize(("severity", "psnr"), [(0.5, 25.1), (0.6, 22.8), (0.95, 18.7)])
def test_severities_reach_the_psnr_of_the_benchmarks_sets(severity, psnr):
    """Snow100K's small, medium and large sets (Liu et al., 2018), within 3 dB on smooth colours."""
    y, x = np.mgrid[0:192, 0:192] / 192
    clean = np.stack([0.15 + 0.5 * x, 0.2 + 0.4 * y, 0.25 + 0.3 * x * y], axis=-1)
    clean = clean.astype(np.float32)
    errors = [
        np.mean((add_snow(clean, severity, np.random.default_rng(seed)) - clean) ** 2)
        for seed in range(16)
    ]
    assert np.mean(-10 * np.log10(errors)) == pytest.approx(psnr, abs=3)
