import pytest
import torch
from torch import nn

from model.networks.lora import AdaptedConv2d, Blend


@pytest.fixture
def layer():
    torch.manual_seed(0)
    layer = AdaptedConv2d(5, 7, 3, padding=1)
    layer.set_adapters([(torch.randn(r, 5, 3, 3), torch.randn(7, r)) for r in (2, 3)])
    return layer


def test_merged_and_stacked_blends_are_equal(layer):
    x = torch.randn(3, 5, 9, 11)
    components = torch.rand(5)
    merged = layer(x, Blend(components))
    stacked = layer(x, Blend(components.expand(3, -1)))
    pixels = layer(x, Blend(components[None, :, None, None].expand(3, -1, 9, 11)))
    torch.testing.assert_close(merged, stacked, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(merged, pixels, rtol=1e-4, atol=1e-4)


def test_every_row_of_a_mixed_batch_gets_its_own_blend(layer):
    x = torch.randn(2, 5, 8, 8)
    rows = torch.rand(2, 5)
    together = layer(x, Blend(rows))
    for index in range(2):
        alone = layer(x[index : index + 1], Blend(rows[index]))
        torch.testing.assert_close(together[index : index + 1], alone, rtol=1e-4, atol=1e-4)


def test_weights_that_vary_over_pixels_equal_each_side_alone(layer):
    x = torch.randn(1, 5, 8, 8)
    left, right = torch.rand(5), torch.rand(5)
    field = torch.cat(
        [side[None, :, None, None].expand(1, -1, 8, 4) for side in (left, right)], dim=3
    )
    out = layer(x, Blend(field))
    torch.testing.assert_close(out[..., :4], layer(x, Blend(left))[..., :4], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(out[..., 4:], layer(x, Blend(right))[..., 4:], rtol=1e-4, atol=1e-4)


def test_weights_zero_and_no_blend_give_the_plain_convolution(layer):
    x = torch.randn(2, 5, 8, 8)
    plain = nn.Conv2d.forward(layer, x)
    torch.testing.assert_close(layer(x), plain)
    torch.testing.assert_close(layer(x, Blend(torch.zeros(5))), plain)
    torch.testing.assert_close(layer(x, Blend(torch.zeros(2, 5))), plain)


def test_a_new_adapter_changes_nothing_and_can_learn():
    layer = AdaptedConv2d(4, 6, 3, padding=1)
    layer.set_adapters([layer.new_adapter(4)])
    x = torch.randn(1, 4, 8, 8)
    out = layer(x, Blend(torch.ones(1, 4)))
    assert torch.equal(out, layer(x))
    out.sum().backward()
    assert layer.lora_B is not None
    assert layer.lora_B.grad is not None
    assert layer.lora_B.grad.abs().sum() > 0


def test_a_rank_below_one_is_refused():
    with pytest.raises(ValueError, match="rank must be at least 1, got 0"):
        AdaptedConv2d(4, 6, 3, padding=1).new_adapter(0)


def test_a_cut_leaves_out_the_smallest_singular_values_of_the_update(layer):
    whole = (layer.lora_B @ layer.lora_A.flatten(1)).detach()
    for rank in (1, 3, 5):
        down, up = layer.cut(rank)
        assert (down.shape, up.shape) == ((rank, 5, 3, 3), (7, rank))
        left_out = torch.linalg.svdvals(whole)[rank:].square().sum().sqrt()
        error = (whole - up @ down.flatten(1)).norm()
        torch.testing.assert_close(error, left_out, rtol=1e-4, atol=1e-4)


def test_a_kernel_of_lower_rank_than_asked_for_is_kept_whole():
    layer = AdaptedConv2d(5, 3, 1)
    layer.set_adapters([(torch.randn(6, 5, 1, 1), torch.randn(3, 6))])
    assert layer.lora_A is not None
    assert layer.lora_B is not None
    down, up = layer.cut(4)
    assert (down.shape, up.shape) == ((4, 5, 1, 1), (3, 4))
    whole = (layer.lora_B @ layer.lora_A.flatten(1)).detach()
    torch.testing.assert_close(up @ down.flatten(1), whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rank", [0, 6])
def test_an_adapter_cannot_be_cut_to_nothing_or_to_more_than_it_has(layer, rank):
    with pytest.raises(ValueError, match=f"of rank 5 can't be cut to {rank}"):
        layer.cut(rank)


def test_without_an_adapter_there_is_nothing_to_cut():
    with pytest.raises(ValueError, match="there is no adapter to cut"):
        AdaptedConv2d(4, 6, 3, padding=1).cut(1)
