import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import CLASSES
from model.restoring.spatial_weights import (
    cell_pixels,
    cells,
    join_cells,
    sum_by_cell,
    weights_by_cell,
)
from model.restoring.tiling import Box, plan_tiles

KINDS = ("noise", "rain")


def seen(**shares):
    """A map of 20 by 30 cells: each class's probability left and right."""
    field = np.zeros((len(CLASSES), 20, 30))
    for name, (left, right) in shares.items():
        field[CLASSES.index(name), :, :15], field[CLASSES.index(name), :, 15:] = left, right
    return field


def led(weights, field, *, degradations=KINDS):
    return weights_by_cell(weights, field, classes=CLASSES, degradations=degradations)


@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 150), width=st.integers(1, 150))
def test_cells_of_tiles_are_those_of_the_whole(height, width):
    probabilities = torch.rand(3, height, width)
    whole = sum_by_cell(probabilities, Box(0, 0, height, width), height, width)
    tiles = plan_tiles(height, width, tile=40, halo=8, multiple=8)
    parts = []
    for keep in (tile.keep for tile in tiles):
        part = probabilities[:, keep.top : keep.bottom, keep.left : keep.right]
        parts.append((keep, sum_by_cell(part, keep, height, width).numpy()))
    expected = whole.numpy() / cell_pixels(height, width)
    np.testing.assert_allclose(join_cells(parts, height, width), expected, rtol=1e-5)
    assert whole.shape == (3, cells(height), cells(width))
    assert whole.sum() == pytest.approx(probabilities.sum().item(), rel=1e-5)


def test_a_map_that_is_the_same_everywhere_leaves_the_weights_as_they_are():
    field = led((0.5, 0.3), seen(noise=(0.9, 0.9), clean=(0.1, 0.1)))
    np.testing.assert_allclose(field[0], 0.5, rtol=1e-5)
    np.testing.assert_allclose(field[1], 0.3, rtol=1e-5)


def test_weights_go_where_the_map_sees_their_degradation():
    field = led((0.5, 0.0), seen(noise=(1, 0), clean=(0, 1)))
    assert field[0, :, 0].max() == pytest.approx(0.5, abs=1e-3)
    assert field[0, :, :8].min() > 0.45
    assert field[0, :, -8:].max() < 0.05
    assert field[1].max() == 0


def test_a_weight_is_what_its_adapter_gets_where_it_is_needed_most():
    field = led((0.8, 1.0), seen(noise=(1, 0), rain=(0.5, 0.5)))
    assert field[0].max() == pytest.approx(0.8, abs=1e-3)
    assert field[0, :, -1].max() < 0.1
    np.testing.assert_allclose(field[1], 1.0, rtol=1e-5)


def test_two_degradations_that_are_there_in_full_both_keep_their_weights():
    field = led((1.0, 1.0), seen(noise=(1, 0), rain=(1, 0), clean=(0, 1)))
    assert field[:, :, 0].min() > 0.9
    assert field[:, :, -1].max() < 0.1


def test_what_one_adapter_is_asked_does_not_change_where_another_acts():
    field = seen(noise=(1, 0), rain=(0.4, 0.9))
    np.testing.assert_array_equal(led((0.2, 0.7), field)[1], led((1.0, 0.7), field)[1])


def test_an_adapter_whose_degradation_the_map_does_not_know_keeps_its_weight():
    field = led((0.6,), seen(noise=(0.5, 0.5)), degradations=("snow",))
    np.testing.assert_allclose(field, 0.6, rtol=1e-5)


def test_weights_vary_smoothly_and_never_rise_above_what_is_asked_for():
    field = led((0.5, 0.3), seen(noise=(1, 0), rain=(0, 1)))
    assert np.abs(np.diff(field, axis=2)).max() < 0.35
    assert (field >= 0).all()
    assert field[0].max() <= 0.5 + 1e-6
    assert field[1].max() <= 0.3 + 1e-6


def test_no_adapter_has_no_weights():
    assert led((), seen(noise=(1, 0)), degradations=()).shape == (0, 20, 30)


def test_one_cell_is_enough():
    assert led((0.4, 0.2), seen(noise=(0.5, 0.5))[:, :1, :1]).shape == (2, 1, 1)
