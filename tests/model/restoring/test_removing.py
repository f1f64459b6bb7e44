"""What is asked for is what is removed."""

import dataclasses

import pytest
import torch

from model.config import CLASSES, Degradation
from model.networks.asked import Asked
from model.networks.restoration import RestorationNetwork
from model.restoring.restorer import Restorer
from tests.model.conftest import TINY, make_asked, make_description, make_network

EIGHT = torch.randint(0, 256, (3, 37, 50), dtype=torch.uint8)


def test_the_change_is_in_proportion_to_a_small_amount(network, whole):
    """Where the network itself does not listen, only the gate is left."""
    torch.nn.init.zeros_(network.backbone.tell[-1].weight)
    torch.nn.init.zeros_(network.backbone.grid.cells.weight)
    torch.nn.init.zeros_(network.backbone.grid.cells.bias)
    crop, description = torch.rand(1, 3, 32, 40), make_description(network)
    sizes = []
    for amount in (0.0, 0.025, 0.1, 0.2, 0.25, 0.7, 1.0):
        asked = Asked(torch.full((1, 5), amount))
        change = network.restore_crops(crop, description, asked, whole) - crop
        sizes.append(change.abs().mean().item())
    shares = [size / sizes[-1] for size in sizes]
    assert shares == pytest.approx([0, 0.1, 0.4, 0.8, 1, 1, 1], rel=1e-3, abs=1e-6)


def test_the_baseline_is_told_what_is_asked_for(network, whole):
    crop, description = torch.rand(1, 3, 32, 40), make_description(network)
    answers = [
        network.restore_crops(crop, description, Asked(told[None]), whole) for told in torch.eye(5)
    ]
    for index, answer in enumerate(answers):
        others = answers[:index] + answers[index + 1 :]
        assert min((answer - other).abs().max().item() for other in others) > 1e-3


def test_the_grid_takes_part_where_haze_or_low_light_is_removed_alone(network, whole):
    crop, description = torch.rand(1, 3, 32, 40), make_description(network)
    acts = {}
    for kind in Degradation:
        told = torch.zeros(1, 5)
        told[:, network.config.degradations.index(kind)] = 1
        grid = network.backbone.grid.cells
        with_grid, bias = network.restore_crops(crop, description, Asked(told), whole), grid.bias
        grid.bias = torch.nn.Parameter(bias + 0.5)
        changed = network.restore_crops(crop, description, Asked(told), whole)
        grid.bias = bias
        acts[kind] = not torch.equal(changed, with_grid)
    assert [kind for kind, does in acts.items() if does] == [Degradation.HAZE, Degradation.LOWLIGHT]


def test_the_pixel_gate_can_keep_pixels_exactly_as_they_were(network, whole):
    crop, description = torch.rand(1, 3, 32, 40), make_description(network)
    gate = network.backbone.gate
    torch.nn.init.zeros_(gate.weight)
    changes = []
    for logit in (-4.0, 0.0, 4.0, 9.0):
        gate.bias.fill_(logit)
        answer = network.restore_crops(crop, description, make_asked(network), whole)
        changes.append((answer - crop).abs().mean().item())
    assert changes[0] == 0
    assert 0 < changes[1] < changes[2]
    gate.bias.fill_(4.0)
    full = Asked(torch.ones(1, 5))
    before = network.restore_crops(crop, description, full, whole)
    gate.bias.fill_(9.0)
    assert torch.equal(network.restore_crops(crop, description, full, whole), before)


@pytest.mark.parametrize("blend", ["image", "pixel"])
def test_auto_asks_for_the_estimate_and_keep_leaves_out_of_it(unsure, blend):
    found = unsure.describe(EIGHT)
    assert sorted({*found.values()}) == sorted(found.values())
    options = {"blend": blend, "precision": "fp32"}
    auto = unsure.restore(EIGHT, **options)
    assert torch.equal(unsure.restore(EIGHT, adapters=found, **options), auto)
    kept = unsure.restore(EIGHT, keep=["blur"], **options)
    rest = {name: amount for name, amount in found.items() if name != "blur"}
    assert torch.equal(unsure.restore(EIGHT, adapters=rest, **options), kept)
    assert not torch.equal(kept, auto)


def test_top_asks_for_the_largest_amount_alone(unsure):
    found = unsure.describe(EIGHT)
    assert max(found, key=lambda name: found[name]) == "blur"
    top = unsure.restore(EIGHT, adapters="top")
    assert torch.equal(unsure.restore(EIGHT, adapters={"blur": found["blur"]}), top)
    assert not torch.equal(unsure.restore(EIGHT), top)


def test_none_is_told_the_same_as_auto_and_differs_by_the_adapters(unsure):
    none, auto = (unsure.restore(EIGHT, adapters=wish) for wish in ("none", "auto"))
    assert not torch.equal(none, auto)
    for layer in unsure.network.adapted_convolutions().values():
        torch.nn.init.zeros_(layer.lora_B)
    assert torch.equal(unsure.restore(EIGHT, adapters="auto"), none)
    assert torch.equal(unsure.restore(EIGHT, adapters="none"), none)


def test_what_can_be_asked_for_are_the_adapters_and_what_the_baseline_removes_alone(network):
    assert network.askable == ("noise", "blur", "rain", "haze", "lowlight")
    assert make_network().askable == tuple(Degradation)
    first, *others = network.adapters
    network.adapters = (dataclasses.replace(first, name="snow", degradation="snow"), *others)
    assert network.askable == ("snow", "blur", "rain", "noise", "haze", "lowlight")
    network.adapters = (dataclasses.replace(first, name="grain"), *others)
    assert network.askable == ("grain", "blur", "rain", "haze", "lowlight")


def told_of(network: RestorationNetwork, asked: Asked) -> dict[str, float]:
    values = [round(value, 4) for value in asked.baseline_amounts[0].tolist()]
    return dict(zip(network.config.degradations, values, strict=True))


def test_amounts_are_told_by_degradation_and_weigh_the_adapters(network):
    asked = network.ask(torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5]]))
    assert told_of(network, asked) == {
        "noise": 0.1,
        "blur": 0.2,
        "rain": 0.3,
        "haze": 0.4,
        "lowlight": 0.5,
    }
    torch.testing.assert_close(asked.adapter_weights, torch.tensor([[0.1, 0.2, 0.3]]))
    assert asked.spatial_weights is None
    of_adapters = network.ask(torch.tensor([[0.1, 0.2, 0.3]]))
    assert told_of(network, of_adapters)["haze"] == 0
    alone = network.ask(torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5]]), adapters=False)
    assert alone.adapter_weights is None
    assert torch.equal(alone.baseline_amounts, asked.baseline_amounts)
    assert network.ask_all(2).baseline_amounts.tolist() == [[1] * 5] * 2


def test_a_degradation_that_the_baseline_does_not_know_is_asked_of_its_adapter_alone(network):
    first, *others = network.adapters
    network.adapters = (dataclasses.replace(first, name="snow", degradation="snow"), *others)
    asked = network.ask(torch.tensor([[0.8, 0.0, 0.0, 0.0, 0.0, 0.0]]))
    assert not asked.baseline_amounts.any()
    torch.testing.assert_close(asked.adapter_weights, torch.tensor([[0.8, 0.0, 0.0]]))
    assert asked.gate.item() == 1
    snowless = Restorer(network).restore(EIGHT, adapters={"snow": 1.0})
    assert not torch.equal(snowless, EIGHT)


def test_two_adapters_of_one_degradation_tell_the_larger_amount(network):
    first, second, third = network.adapters
    network.adapters = (first, dataclasses.replace(second, degradation="noise"), third)
    asked = network.ask(torch.tensor([[0.3, 0.7, 0.1]]))
    assert told_of(network, asked)["noise"] == 0.7
    asked = network.ask(torch.tensor([[0.9, 0.7, 0.1]]))
    assert told_of(network, asked)["noise"] == 0.9


def test_what_the_baseline_removes_alone_is_removed_where_no_adapter_acts_too(network, whole):
    crop, description = torch.rand(1, 3, 32, 48), make_description(network)
    field = torch.zeros(1, 3, 16, 24)
    field[..., 12:] = 0.5
    amounts = torch.tensor([[0.0, 0.0, 0.5, 0.8, 0.0]])  # rain by its adapter; haze without
    varying = network.ask(amounts, spatial_weights=field)
    answer = network.restore_crops(crop, description, varying, whole)
    assert (answer[..., :24] - crop[..., :24]).abs().mean() > 1e-3
    amounts[:, 3] = 0
    only_rain = network.ask(amounts, spatial_weights=field)
    answer = network.restore_crops(crop, description, only_rain, whole)
    assert torch.equal(answer[..., :24], crop[..., :24])


@pytest.mark.parametrize("wish", [{"haze": 1.0}, {"haze": 0.5, "lowlight": 1.0}])
def test_both_blends_are_the_same_where_no_adapter_is_asked(network, wish):
    image, pixel = (
        Restorer(network).restore(EIGHT, adapters=wish, blend=blend, precision="fp32")
        for blend in ("image", "pixel")
    )
    assert (image.int() - pixel.int()).abs().max() <= 1
    assert not torch.equal(image, EIGHT)


@pytest.mark.parametrize("blend", ["image", "pixel"])
def test_a_baseline_without_adapters_removes_what_it_is_asked_to(blend):
    network = make_network()
    assert torch.equal(Restorer(network).restore(EIGHT, blend=blend), EIGHT)
    answer = Restorer(network).restore(EIGHT, adapters={"noise": 1.0}, blend=blend)
    assert not torch.equal(answer, EIGHT)


def test_the_map_does_not_depend_on_what_is_asked(network, whole):
    """It is made with everything asked of the baseline, whatever is removed afterwards."""
    crop, description = torch.rand(1, 3, 32, 40), make_description(network)
    features = network(crop, description, network.ask_all(1), whole).features
    expected = network.head(features).softmax(dim=1)
    torch.testing.assert_close(network.segment(crop, description, whole), expected)
    assert Restorer(network).degradation_map(EIGHT).max() < len(CLASSES)


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_a_picture_with_extreme_features_does_not_explode(size, whole):
    """The grid stays bounded, and the answer is finite, however far the features are off."""
    torch.manual_seed(0)
    network = make_network(2, 4, 3)
    description = make_description(network)
    extreme = dataclasses.replace(description, features=size * description.features)
    crop = torch.rand(1, 3, 32, 40)
    for asked in (make_asked(network), network.ask_all(1)):
        answer = network.restore_crops(crop, extreme, asked, whole)
        assert bool(answer.isfinite().all())
    untouched = network.restore_crops(crop, extreme, Asked(torch.zeros(1, 5)), whole)
    assert torch.equal(untouched, crop)


def test_a_grid_of_extreme_features_changes_a_picture_by_a_bounded_amount(whole):
    """With nothing but the grid at work, no pixel moves by more than its coefficients allow."""
    network = RestorationNetwork(TINY).eval().requires_grad_(requires_grad=False)
    torch.nn.init.normal_(network.backbone.grid.cells.weight)
    description = make_description(network)
    extreme = dataclasses.replace(description, features=1e6 * description.features)
    crop = torch.rand(1, 3, 32, 40)
    answer = network.restore_crops(crop, extreme, network.ask_all(1), whole)
    assert 1 < (answer - crop).abs().max() <= 16
