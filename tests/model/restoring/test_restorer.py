import copy
import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import PRESETS
from model.networks.asked import Asked
from model.networks.description import Description
from model.networks.restoration import RestorationNetwork
from model.networks.whole_picture_views import Views, sample_views
from model.restoring.crops import crops_of
from model.restoring.restorer import Restorer
from tests.model.conftest import TINY, make_asked, make_description, make_network

NETWORK = make_network(2, 4, 3)


def radius(output: torch.Tensor, x: torch.Tensor, middle: int) -> int:
    """How many rows away from ``middle`` a pixel of ``x`` still acts on that row of ``output``."""
    of_middle = output[..., middle, middle].sum()
    (pull,) = torch.autograd.grad(of_middle, x, retain_graph=True)
    rows = pull.abs().amax(dim=(0, 1, 3)).nonzero().ravel()
    return int((rows - middle).abs().max())


def test_no_input_pixel_acts_beyond_the_reach_and_some_act_at_it():
    network = make_network()
    multiple = network.config.multiple
    side = multiple * (2 * network.reach // multiple + 3)
    x = torch.rand(1, 3, side, side, requires_grad=True)
    box = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    out = network(x, make_description(network), network.ask_all(1), box)
    logits, first = network.head(out.features), side // 2 // multiple * multiple
    places = range(first, first + multiple)  # in a cell of the coarsest level
    assert max(radius(out.image, x, place) for place in places) == network.backbone.reach
    assert max(radius(logits, x, place) for place in places) <= network.reach


def in_crops(picture: torch.Tensor, tile: int, halo: int, *, cells: int = 0) -> torch.Tensor:
    """Restore a picture in tiles, in float, with a description of its own.

    Where there are ``cells``, the adapters' weights vary over so many a side.
    """
    torch.manual_seed(1)
    description, asked = make_description(NETWORK), make_asked(NETWORK)
    varying = torch.rand(1, len(NETWORK.adapters), cells, cells)
    out = torch.empty_like(picture)
    multiple, device = NETWORK.config.multiple, NETWORK.device
    for crop in crops_of(picture, tile=tile, halo=halo, multiple=multiple, device=device):
        if cells:
            field = NETWORK.weights_over_crop(varying, crop.position, crop.pixels.shape)
            asked = dataclasses.replace(asked, spatial_weights=field)
        crop.put(out, NETWORK.restore_crops(crop.pixels, description, asked, crop.position)[0])
    return out


def test_every_part_of_the_network_has_a_say_in_the_answer():
    """Otherwise the tests of tiles and batches would not see it; no weight is at its zero start."""
    torch.manual_seed(0)
    crop, description = torch.rand(1, 3, 40, 48), make_description(NETWORK)
    asked, box = make_asked(NETWORK), torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    before = NETWORK.restore_crops(crop, description, asked, box)
    backbone = NETWORK.backbone
    parts = backbone.tell, backbone.tone, backbone.grid, backbone.spread, backbone.gate
    for index in range(len(parts)):
        changed = copy.deepcopy(NETWORK)
        of = changed.backbone
        part = (of.tell, of.tone, of.grid, of.spread, of.gate)[index]
        for parameter in part.parameters():
            torch.nn.init.zeros_(parameter)
        after = changed.restore_crops(crop, description, asked, box)
        assert (after - before).abs().max() > 1e-3, index


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 260), width=st.integers(1, 260), cells=st.sampled_from([0, 1, 9]))
def test_tiled_equals_untiled_at_any_size(height, width, cells):
    picture = torch.rand(3, height, width)
    whole = in_crops(picture, tile=2048, halo=NETWORK.reach, cells=cells)
    tiled = in_crops(picture, tile=64, halo=NETWORK.reach, cells=cells)
    torch.testing.assert_close(tiled, whole, rtol=1e-4, atol=1e-4 * whole.abs().max().item())


def test_a_halo_of_one_cell_leaves_seams():
    picture = torch.rand(3, 200, 200)
    whole = in_crops(picture, tile=2048, halo=NETWORK.reach)
    short = in_crops(picture, tile=64, halo=NETWORK.config.multiple)
    assert not torch.allclose(short, whole, rtol=1e-4, atol=1e-4 * whole.abs().max().item())


def test_a_picture_of_tiles_is_the_whole_picture_in_8_bits():
    picture = torch.randint(0, 256, (3, 130, 210), dtype=torch.uint8)
    whole = Restorer(NETWORK).restore(picture, tile=2048, precision="fp32")
    tiled = Restorer(NETWORK).restore(picture, tile=64, precision="fp32")
    assert whole.shape == picture.shape
    assert int((whole.int() - tiled.int()).abs().max()) <= 1


@pytest.mark.parametrize("vary", [False, True])
def test_a_batch_of_one_equals_its_row_of_a_mixed_batch(network, vary):
    crops, amounts = torch.rand(4, 3, 40, 24), torch.rand(4, 5)
    amounts[1] = 0  # nothing is asked of one of them
    amounts[2] = torch.tensor([0, 0, 0, 0, 1])  # and of another what has no adapter
    field = amounts[:, :3, None, None] * torch.rand(4, 3, 20, 12) if vary else None
    description, boxes = make_description(network, 4), torch.rand(4, 4).sort(dim=1).values
    asked = network.ask(amounts, spatial_weights=field)
    together = network.restore_crops(crops, description, asked, boxes)
    for row in range(4):
        one = slice(row, row + 1)
        of_one = network.ask(amounts[one], spatial_weights=None if field is None else field[one])
        alone = network.restore_crops(crops[one], description.select(row), of_one, boxes[one])
        torch.testing.assert_close(together[one], alone, rtol=1e-3, atol=1e-4)


def test_what_is_asked_of_one_picture_does_not_change_the_others_of_its_batch(network):
    crops, amounts = torch.rand(3, 3, 40, 24), torch.rand(3, 5)
    description, boxes = make_description(network, 3), torch.rand(3, 4).sort(dim=1).values
    before = network.restore_crops(crops, description, network.ask(amounts), boxes)
    for other in (torch.zeros(5), torch.ones(5)):
        amounts = amounts.clone()
        amounts[1] = other
        after = network.restore_crops(crops, description, network.ask(amounts), boxes)
        assert torch.equal(after[[0, 2]], before[[0, 2]])
        assert not torch.equal(after[1], before[1])


def test_weights_zero_equal_the_baseline(network, whole):
    crop, description = torch.rand(1, 3, 32, 32), make_description(network)
    told = torch.rand(1, 5)
    torch.testing.assert_close(
        network.restore_crops(crop, description, Asked(told, torch.zeros(1, 3)), whole),
        network.restore_crops(crop, description, Asked(told), whole),
    )


def test_weights_per_pixel_that_are_constant_equal_weights_per_picture(network, whole):
    crop, description = torch.rand(1, 3, 32, 40), make_description(network)
    asked = network.ask(torch.tensor([[0.7, 0.1, 0.2]]))
    assert asked.adapter_weights is not None
    field = asked.adapter_weights[:, :, None, None].expand(-1, -1, 16, 20)
    torch.testing.assert_close(
        network.restore_crops(
            crop, description, dataclasses.replace(asked, spatial_weights=field), whole
        ),
        network.restore_crops(crop, description, asked, whole),
        rtol=1e-3,
        atol=1e-4,
    )


def test_segmentation_gives_probabilities_of_every_class(network, whole):
    crop = torch.rand(1, 3, 32, 40)
    probabilities = network.segment(crop, make_description(network), whole)
    assert probabilities.shape == (1, len(network.classes), 32, 40)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(1, 32, 40))


def test_descriptions_of_a_batch_equal_those_of_its_pictures(network):
    views = [sample_views(torch.rand(3, 70, 90)), sample_views(torch.rand(3, 200, 20))]
    together = network.describe(Views.stack(views))
    assert bool(((together.amounts >= 0) & (together.amounts <= 1)).all())
    assert bool((together.amounts[:, 0] != together.amounts[:, 1]).any())
    for row, view in enumerate(views):
        alone, rest = network.describe(view), together.select(row)
        torch.testing.assert_close(alone.context, rest.context, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.features, rest.features, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.amounts, rest.amounts, rtol=1e-4, atol=1e-5)
    assert len(Description.stack([together, together]).context) == 4


def test_an_unknown_adapter_is_named_with_those_that_are_known(network):
    picture = torch.zeros(3, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match="unknown adapters: snow; there are noise, blur"):
        Restorer(network).restore(picture, adapters={"snow": 1.0})
    with pytest.raises(ValueError, match="auto, top, none"):
        Restorer(network).restore(picture, adapters="best")


def test_weights_of_the_wrong_count_are_refused(network, whole):
    with pytest.raises(ValueError, match="one column for each of 3 adapters"):
        network.restore_crops(
            torch.rand(1, 3, 32, 32),
            make_description(network),
            Asked(torch.ones(1, 5), torch.ones(1, 2)),
            whole,
        )


def test_crops_that_do_not_fit_the_grid_are_refused(network, whole):
    with pytest.raises(ValueError, match="multiples of 8"):
        network.restore_crops(
            torch.rand(1, 3, 30, 32), make_description(network), make_asked(network), whole
        )


def test_a_new_restorer_returns_its_input_whatever_is_asked(whole):
    torch.manual_seed(0)
    network = RestorationNetwork(TINY).eval()
    crop = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(
        network.restore_crops(crop, make_description(network), network.ask_all(1), whole), crop
    )


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_builds(preset):
    with torch.device("meta"):
        network = RestorationNetwork(PRESETS[preset])
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    assert millions > {"small": 4, "large": 20}[preset]


def test_sixteen_bits_come_back_in_sixteen_and_nearly_as_eight():
    eight = torch.randint(0, 256, (3, 40, 56), dtype=torch.uint8)
    sixteen = (eight.int() * 257).to(torch.uint16)
    restored = Restorer(NETWORK).restore(sixteen)
    assert restored.dtype == torch.uint16
    rounded = (restored.int() + 128) // 257
    assert (rounded - Restorer(NETWORK).restore(eight).int()).abs().max() <= 1
    assert len(torch.unique(restored.int() % 257)) > 100


def test_sixteen_bits_are_exact_at_strength_zero():
    levels = torch.arange(65_536).to(torch.uint16).reshape(1, 256, 256).expand(3, -1, -1)
    assert torch.equal(Restorer(NETWORK).restore(levels, strength=0.0).int(), levels.int())


def seen_of(picture: torch.Tensor, **options):
    return Restorer(NETWORK).restore(picture, blend="pixel", precision="fp32", **options)


@pytest.mark.parametrize("adapters", ["auto", "top", {"noise": 0.9, "rain": 0.4}])
def test_weights_by_pixel_leave_no_seam_between_tiles(adapters):
    picture = torch.randint(0, 256, (3, 130, 210), dtype=torch.uint8)
    whole = seen_of(picture, tile=2048, adapters=adapters)
    tiled = seen_of(picture, tile=64, adapters=adapters)
    assert int((whole.int() - tiled.int()).abs().max()) <= 1


def test_weights_by_pixel_change_the_picture_but_not_that_of_the_baseline():
    picture = torch.randint(0, 256, (3, 60, 90), dtype=torch.uint8)
    given = {"noise": 1.0, "blur": 0.5, "rain": 0.3}
    image = Restorer(NETWORK).restore(picture, precision="fp32", adapters=given)
    assert not torch.equal(seen_of(picture, adapters=given), image)
    baseline = Restorer(NETWORK).restore(picture, precision="fp32", adapters="none")
    assert torch.equal(seen_of(picture, adapters="none"), baseline)


def test_an_unknown_blend_is_refused():
    with pytest.raises(ValueError, match="image or pixel"):
        Restorer(NETWORK).restore(torch.zeros(3, 8, 8, dtype=torch.uint8), blend="mean")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no card")
@pytest.mark.parametrize("blend", ["image", "pixel"])
def test_a_card_restores_and_maps_what_the_processor_does(blend):
    picture = torch.randint(0, 256, (3, 100, 130), dtype=torch.uint8)
    card = copy.deepcopy(NETWORK).cuda()
    options = {"blend": blend, "tile": 64, "precision": "fp32"}
    expected = Restorer(NETWORK).restore(picture, **options)
    assert (expected.int() - Restorer(card).restore(picture, **options)).abs().max() <= 1
    labels = [Restorer(of).degradation_map(picture, precision="fp32") for of in (NETWORK, card)]
    assert (labels[0] == labels[1]).mean() > 0.99
