import numpy as np

from model.degradations.rain import add_rain, draw_streaks


def test_streaks_only_add_light():
    for seed in range(10):
        assert draw_streaks(40, 70, 0.7, np.random.default_rng(seed)).min() >= 0


def test_streaks_are_longer_along_one_direction_than_across():
    ratios = []
    for seed in range(12):
        streaks = draw_streaks(160, 160, 0.5, np.random.default_rng(seed))
        down, across = np.gradient(streaks)
        tensor = np.cov(np.stack([down.ravel(), across.ravel()]))
        weak, strong = np.linalg.eigvalsh(tensor)
        ratios.append(weak / strong)
    assert np.median(ratios) < 0.35


def test_more_severe_rain_covers_more_and_is_brighter():
    def light(severity):
        return np.mean(
            [draw_streaks(96, 96, severity, np.random.default_rng(seed)) for seed in range(20)]
        )

    assert 0 < light(0.1) < light(0.4) / 2 < light(1.0) / 4


def test_rain_is_grey_on_a_dark_picture():
    dark = np.full((80, 80, 3), 0.1, dtype=np.float32)
    for seed in range(6):
        rainy = add_rain(dark, 0.5, np.random.default_rng(seed))
        assert np.ptp(rainy, axis=2).max() == 0


def test_mist_is_rare():
    black = np.zeros((64, 64, 3), dtype=np.float32)
    floors = np.array(
        [np.median(add_rain(black, 0.3, np.random.default_rng(seed))) for seed in range(80)]
    )
    misty = np.mean(floors > 2.5 / 255)
    assert 0.02 < misty < 0.4
