import dataclasses

import cv2
import numpy as np
import pytest

from model.training import drawings
from model.training.data import Batches
from model.training.drawings import draw
from tests.model.training.conftest import MIX

SIZES = [(192, 256), (40, 64), (25, 24), (8, 300)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_drawings_are_exact_levels_of_eight_bits_of_the_asked_size(height, width):
    for seed in range(40):
        drawn = draw(height, width, np.random.default_rng(seed))
        assert drawn.shape == (height, width, 3)
        assert drawn.dtype == np.float32
        levels = np.rint(drawn * 255)
        np.testing.assert_array_equal(levels.astype(np.float32) / np.float32(255), drawn)
        assert levels.min() >= 0
        assert levels.max() <= 255


def test_equal_seeds_make_equal_drawings_and_others_do_not():
    for seed in range(20):
        first, again, other = (
            draw(96, 128, np.random.default_rng(s)) for s in (seed, seed, seed + 100)
        )
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_drawings_are_of_many_kinds():
    """Flat ones, dark and bright ones, ones of two colours, and smooth ones."""
    drawn = [draw(96, 128, np.random.default_rng(seed)) for seed in range(80)]
    flat = [bool((picture == picture[0, 0]).all()) for picture in drawn]
    assert 4 < sum(flat) < 24
    means = np.array([picture.mean() for picture in drawn])
    assert np.mean(means < 0.2) > 0.05
    assert np.mean(means > 0.8) > 0.05
    colours = [len(np.unique(picture.reshape(-1, 3), axis=0)) for picture in drawn]
    assert sum(count == 2 for count in colours) > 2
    steps = [np.abs(np.diff(picture, axis=1)).max() for picture in drawn]
    smooth = [step < 0.1 and not even for step, even in zip(steps, flat, strict=True)]
    assert sum(smooth) > 2


KINDS = ["_gradient", "_cells", "_page", "_windows", "_shapes", "_chart"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_on_its_paper(kind):
    changed = 0
    for seed in range(12):
        canvas = np.full((96, 128, 3), 128, np.uint8)
        getattr(drawings, kind)(canvas, np.random.default_rng(seed))
        changed += bool((canvas != 128).any())
    assert changed >= 10


def test_a_page_has_lines_of_writing_with_paper_between_them():
    found = 0
    for seed in range(12):
        canvas = np.full((160, 200, 3), 255, np.uint8)
        drawings._page(canvas, np.random.default_rng(seed))
        inked = (canvas < 128).any(axis=(1, 2)).astype(np.int8)
        found += int(np.sum(np.diff(inked) == 1)) >= 3
    assert found >= 6


def test_threads_do_not_change_what_is_drawn():
    count = cv2.getNumThreads()
    try:
        made = []
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            made.append([draw(64, 64, np.random.default_rng(seed)) for seed in range(10)])
    finally:
        cv2.setNumThreads(count)
    np.testing.assert_array_equal(made[0], made[1])


def test_no_drawing_is_drawn_where_the_mix_has_none(sources, monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr("model.training.data.draw", refuse)
    Batches(sources, dataclasses.replace(MIX, batch=8), seed=0)[0]
