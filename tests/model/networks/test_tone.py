import pytest
import torch
import torch.nn.functional as F

from model.config import RestorerConfig
from model.networks.lora import Blend
from model.networks.tone import BilateralTone, slice_grid
from tests.model.conftest import TINY

WHOLE = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
OFFSETS = slice(9, 12)  # of the twelve coefficients; the others are the matrix


@pytest.fixture
def tone() -> BilateralTone:
    torch.manual_seed(0)
    return BilateralTone(TINY).eval().requires_grad_(requires_grad=False)


@pytest.fixture
def drawn(tone: BilateralTone) -> BilateralTone:
    """The same with cells that were drawn."""
    torch.nn.init.normal_(tone.cells.weight, std=0.3)
    torch.nn.init.normal_(bias_of(tone), std=0.3)
    return tone


def bias_of(tone: BilateralTone) -> torch.Tensor:
    assert tone.cells.bias is not None
    return tone.cells.bias


def change_of(
    tone: BilateralTone,
    picture: torch.Tensor,
    *,
    features: torch.Tensor | None = None,
    context: torch.Tensor | None = None,
    box: torch.Tensor = WHOLE,
) -> torch.Tensor:
    """Change of pictures (B, 3, h, w), in their shape."""
    batch, _, height, width = picture.shape
    folded = F.pixel_unshuffle(picture, 2).view(batch, 3, 4, height // 2, width // 2)
    if features is None:
        features = torch.zeros(batch, 4 * TINY.context_width, 12, 12)
    context = torch.zeros(batch, TINY.context_dim) if context is None else context
    change = tone(folded, context, features, box, None)
    assert change.shape == folded.shape
    assert change.dtype == torch.float32
    return F.pixel_shuffle(change.flatten(1, 2), 2)


def test_a_new_grid_changes_nothing(tone):
    features = torch.randn(2, 4 * TINY.context_width, 12, 12)
    boxes = WHOLE.expand(2, -1)
    change = change_of(tone, torch.rand(2, 3, 20, 28), features=features, box=boxes)
    assert not change.any()


def test_dark_pixels_can_be_brightened_beside_bright_ones_that_stay(tone):
    coefficients = bias_of(tone).view(12, TINY.tone_bins)
    coefficients[OFFSETS, 0] = 0.3  # an offset at the darkest level of brightness alone
    picture = torch.full((1, 3, 32, 32), 0.01)
    picture[..., 16:] = 0.9
    change = change_of(tone, picture)
    dark, bright = change[..., :14], change[..., 18:]  # but for the pixels at the edge itself
    torch.testing.assert_close(dark, torch.full_like(dark, 0.3), atol=0.02, rtol=0)
    assert not bright.any()


def test_the_matrix_mixes_colours_and_the_offset_is_added(tone):
    coefficients = bias_of(tone).view(12, TINY.tone_bins)
    coefficients[1] = 0.5  # red gets half of green
    coefficients[11] = -0.25  # and blue an offset
    picture = torch.rand(1, 3, 8, 12)
    change = change_of(tone, picture)
    soft = 4 * torch.tanh(torch.tensor([0.5, -0.25]) / 4)  # as large coefficients are bounded
    torch.testing.assert_close(change[:, 0], soft[0] * picture[:, 1])
    assert not change[:, 1].any()
    torch.testing.assert_close(change[:, 2], torch.full((1, 8, 12), soft[1].item()))


def test_the_u_by_u_pixels_of_a_fold_share_one_transform(drawn):
    """Two pixels of equal colour in one fold change alike, whatever lies beside them."""
    picture = torch.rand(1, 3, 16, 16)
    picture[..., 4, 4] = picture[..., 5, 5]
    change = change_of(drawn, picture, features=torch.randn(1, 4 * TINY.context_width, 12, 12))
    torch.testing.assert_close(change[..., 4, 4], change[..., 5, 5])
    assert change[..., 4, 4].abs().min() > 1e-3


@pytest.mark.parametrize("size", [1e2, 1e6, 1e30])
def test_no_features_however_large_make_the_change_large(drawn, size):
    """Every coefficient is at most 4: three of the matrix and an offset are at most 16."""
    picture = torch.rand(1, 3, 24, 24)
    change = change_of(
        drawn,
        picture,
        features=size * torch.randn(1, 4 * TINY.context_width, 12, 12),
        context=size * torch.randn(1, TINY.context_dim),
    )
    assert bool(change.isfinite().all())
    assert 1 < change.abs().max() <= 16


def test_crops_get_the_change_of_their_place_in_the_picture(drawn):
    picture = torch.rand(1, 3, 40, 64)
    features = torch.randn(1, 4 * TINY.context_width, 12, 12)
    whole = change_of(drawn, picture, features=features)
    box = torch.tensor([[8 / 40, 16 / 64, 32 / 40, 56 / 64]])
    crop = change_of(drawn, picture[..., 8:32, 16:56], features=features, box=box)
    inside = slice(2, -2)  # a fold's brightness is averaged with the folds beside it
    expected = whole[..., 8:32, 16:56][..., inside, inside]
    torch.testing.assert_close(crop[..., inside, inside], expected, rtol=1e-4, atol=1e-5)
    elsewhere = change_of(drawn, picture[..., 8:32, 16:56], features=features)
    assert not torch.allclose(elsewhere, crop, atol=1e-2)


def test_a_row_of_a_batch_gets_the_change_it_gets_alone(drawn):
    picture, box = torch.rand(3, 3, 16, 24), torch.rand(3, 4).sort(dim=1).values
    features = torch.randn(3, 4 * TINY.context_width, 12, 12)
    context = torch.randn(3, TINY.context_dim)
    together = change_of(drawn, picture, features=features, context=context, box=box)
    for row in range(3):
        one = slice(row, row + 1)
        alone = change_of(
            drawn, picture[one], features=features[one], context=context[one], box=box[one]
        )
        torch.testing.assert_close(together[one], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", ["mix", "cells"])
def test_adapters_act_on_the_layers_that_make_the_grid(drawn, layer):
    adapted = getattr(drawn, layer)
    down, up = adapted.new_adapter(2)
    adapted.set_adapters([(down, torch.randn_like(up))])
    folded, box = torch.rand(1, 3, 4, 8, 8), WHOLE
    features = torch.randn(1, 4 * TINY.context_width, 12, 12)
    context = torch.randn(1, TINY.context_dim)
    full, none, baseline = (
        drawn(folded, context, features, box, blend)
        for blend in (Blend(torch.ones(2)), Blend(torch.zeros(2)), None)
    )
    torch.testing.assert_close(none, baseline)
    assert (full - baseline).abs().max() > 1e-2


def test_more_bins_tell_more_brightnesses_apart():
    """With eight levels, an offset at the darkest one leaves mid grey alone, but not with two."""
    changes = []
    for bins in (8, 2):
        tone = BilateralTone(RestorerConfig(tone_bins=bins)).requires_grad_(requires_grad=False)
        bias_of(tone).view(12, bins)[OFFSETS, 0] = 0.5
        folded = torch.full((1, 3, 4, 6, 6), 0.25)
        config = RestorerConfig()
        features = torch.zeros(1, 4 * config.context_width, 12, 12)
        changes.append(
            tone(folded, torch.zeros(1, config.context_dim), features, WHOLE, None).mean().item()
        )
    assert changes[0] == 0
    assert changes[1] > 0.1


def test_the_grid_is_looked_up_as_a_trilinear_interpolation_would():
    generator = torch.Generator().manual_seed(3)
    grid = torch.randn(2, 12, 8, 5, 7, generator=generator)
    guide = torch.rand(2, 9, 11, generator=generator)
    box = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.2, 0.5, 0.7, 0.9]])
    found = slice_grid(grid, guide, box)
    for index, (top, left, bottom, right) in enumerate(box.tolist()):
        ys = top + (bottom - top) * (torch.arange(9) + 0.5) / 9
        xs = left + (right - left) * (torch.arange(11) + 0.5) / 11
        points = torch.stack([*torch.meshgrid(xs, ys, indexing="xy"), guide[index]], dim=-1) * 2 - 1
        expected = F.grid_sample(
            grid[index : index + 1], points[None, None], padding_mode="border", align_corners=False
        )[0, :, 0]
        torch.testing.assert_close(found[index], expected, rtol=1e-4, atol=1e-5)
