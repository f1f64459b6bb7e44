import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.restoring.tiling import plan_tiles

sides = st.integers(1, 400)


@settings(deadline=None)
@given(height=sides, width=sides, tile=st.sampled_from([8, 40, 64, 500]), halo=st.integers(0, 40))
def test_what_tiles_keep_is_disjoint_and_covers_the_picture(height, width, tile, halo):
    seen = torch.zeros(height, width, dtype=torch.int32)
    for piece in plan_tiles(height, width, tile=tile, halo=halo, multiple=8):
        seen[piece.keep.top : piece.keep.bottom, piece.keep.left : piece.keep.right] += 1
    assert bool((seen == 1).all())


@settings(deadline=None)
@given(height=sides, width=sides, tile=st.sampled_from([8, 40, 64, 500]), halo=st.integers(0, 40))
def test_crops_are_aligned_and_hold_the_halo_or_reach_the_edge(height, width, tile, halo):
    for piece in plan_tiles(height, width, tile=tile, halo=halo, multiple=8):
        crop, keep = piece.crop, piece.keep
        assert all(edge % 8 == 0 for edge in crop)
        assert crop.top == 0 or keep.top - crop.top >= halo
        assert crop.left == 0 or keep.left - crop.left >= halo
        assert crop.bottom >= height or crop.bottom - keep.bottom >= halo
        assert crop.right >= width or crop.right - keep.right >= halo


def test_a_picture_within_the_budget_is_one_tile():
    (piece,) = plan_tiles(1000, 600, tile=1024, halo=72, multiple=8)
    assert piece.crop == (0, 0, 1000, 600)
    assert piece.keep == (0, 0, 1000, 600)


def test_what_a_tile_keeps_can_be_cut_into_smaller_ones_with_their_own_halo():
    for tile in plan_tiles(500, 700, tile=256, halo=20, multiple=8):
        pieces = plan_tiles(500, 700, tile=100, halo=20, multiple=8, part=tile.keep)
        assert len(pieces) > 1
        covered = np.zeros((500, 700), int)
        for piece in pieces:
            covered[piece.keep.top : piece.keep.bottom, piece.keep.left : piece.keep.right] += 1
            assert piece.crop.top == max(0, piece.keep.top - 24)
            assert piece.crop.left == max(0, piece.keep.left - 24)
        keep = tile.keep
        assert covered.sum() == keep.height * keep.width
        assert covered[keep.top : keep.bottom, keep.left : keep.right].min() == 1


@pytest.mark.parametrize("sizes", [{"height": 0}, {"tile": 4}, {"halo": -1}])
def test_sizes_that_cannot_be_tiled_are_refused(sizes):
    wanted = {"height": 10, "tile": 64, "halo": 8, **sizes}
    with pytest.raises(ValueError, match="cannot tile"):
        plan_tiles(wanted["height"], 10, tile=wanted["tile"], halo=wanted["halo"], multiple=8)
