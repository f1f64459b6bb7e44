"""What is asked for is what is removed."""

import dataclasses

import pytest
import torch

from model.config import CLASSES, Degradation
from model.networks.asked import Asked
from model.networks.whole_picture_views import sample_views
from model.restoring.restorer import Restorer
from tests.model.conftest import TINY, make_asked, make_description, make_restorer

EIGHT = torch.randint(0, 256, (3, 37, 50), dtype=torch.uint8)


def estimated(restorer: Restorer, picture: torch.Tensor) -> dict[str, float]:
    amounts = restorer.describe(sample_views(picture)).amounts[0].tolist()
    return dict(zip(restorer.askable, amounts, strict=False))


def test_the_change_is_in_proportion_to_a_small_amount(restorer, whole):
    """Where the network itself does not listen, only the gate is left."""
    torch.nn.init.zeros_(restorer.backbone.tell[-1].weight)
    torch.nn.init.zeros_(restorer.backbone.grid.cells.weight)
    torch.nn.init.zeros_(restorer.backbone.grid.cells.bias)
    crop, description = torch.rand(1, 3, 32, 40), make_description(restorer)
    sizes = []
    for amount in (0.0, 0.025, 0.1, 0.2, 0.25, 0.7, 1.0):
        asked = Asked(torch.full((1, 5), amount))
        change = restorer.restore_crops(crop, description, asked, whole) - crop
        sizes.append(change.abs().mean().item())
    shares = [size / sizes[-1] for size in sizes]
    assert shares == pytest.approx([0, 0.1, 0.4, 0.8, 1, 1, 1], rel=1e-3, abs=1e-6)


def test_the_baseline_is_told_what_is_asked_for(restorer, whole):
    crop, description = torch.rand(1, 3, 32, 40), make_description(restorer)
    answers = [
        restorer.restore_crops(crop, description, Asked(told[None]), whole) for told in torch.eye(5)
    ]
    for index, answer in enumerate(answers):
        others = answers[:index] + answers[index + 1 :]
        assert min((answer - other).abs().max().item() for other in others) > 1e-3


def test_the_grid_takes_part_where_haze_or_low_light_is_removed_alone(restorer, whole):
    crop, description = torch.rand(1, 3, 32, 40), make_description(restorer)
    acts = {}
    for kind in Degradation:
        told = torch.zeros(1, 5)
        told[:, restorer.config.degradations.index(kind)] = 1
        grid = restorer.backbone.grid.cells
        with_grid, bias = restorer.restore_crops(crop, description, Asked(told), whole), grid.bias
        grid.bias = torch.nn.Parameter(bias + 0.5)
        changed = restorer.restore_crops(crop, description, Asked(told), whole)
        grid.bias = bias
        acts[kind] = not torch.equal(changed, with_grid)
    assert [kind for kind, does in acts.items() if does] == [Degradation.HAZE, Degradation.LOWLIGHT]


def test_the_pixel_gate_can_keep_pixels_exactly_as_they_were(restorer, whole):
    crop, description = torch.rand(1, 3, 32, 40), make_description(restorer)
    gate = restorer.backbone.gate
    torch.nn.init.zeros_(gate.weight)
    changes = []
    for logit in (-4.0, 0.0, 4.0, 9.0):
        gate.bias.fill_(logit)
        answer = restorer.restore_crops(crop, description, make_asked(restorer), whole)
        changes.append((answer - crop).abs().mean().item())
    assert changes[0] == 0
    assert 0 < changes[1] < changes[2]
    gate.bias.fill_(4.0)
    full = Asked(torch.ones(1, 5))
    before = restorer.restore_crops(crop, description, full, whole)
    gate.bias.fill_(9.0)
    assert torch.equal(restorer.restore_crops(crop, description, full, whole), before)


@pytest.mark.parametrize("blend", ["image", "pixel"])
def test_auto_asks_for_the_estimate_and_keep_leaves_out_of_it(unsure, blend):
    found = estimated(unsure, EIGHT)
    assert sorted({*found.values()}) == sorted(found.values())
    options = {"blend": blend, "precision": "fp32"}
    auto = unsure.restore_picture(EIGHT, **options)
    assert torch.equal(unsure.restore_picture(EIGHT, adapters=found, **options), auto)
    kept = unsure.restore_picture(EIGHT, keep=["blur"], **options)
    rest = {name: amount for name, amount in found.items() if name != "blur"}
    assert torch.equal(unsure.restore_picture(EIGHT, adapters=rest, **options), kept)
    assert not torch.equal(kept, auto)


def test_top_asks_for_the_largest_amount_alone(unsure):
    found = estimated(unsure, EIGHT)
    assert max(found, key=lambda name: found[name]) == "blur"
    top = unsure.restore_picture(EIGHT, adapters="top")
    assert torch.equal(unsure.restore_picture(EIGHT, adapters={"blur": found["blur"]}), top)
    assert not torch.equal(unsure.restore_picture(EIGHT), top)


def test_none_is_told_the_same_as_auto_and_differs_by_the_adapters(unsure):
    none, auto = (unsure.restore_picture(EIGHT, adapters=wish) for wish in ("none", "auto"))
    assert not torch.equal(none, auto)
    for layer in unsure.adapted_convolutions().values():
        torch.nn.init.zeros_(layer.lora_B)
    assert torch.equal(unsure.restore_picture(EIGHT, adapters="auto"), none)
    assert torch.equal(unsure.restore_picture(EIGHT, adapters="none"), none)


def test_what_can_be_asked_for_are_the_adapters_and_what_the_baseline_removes_alone(restorer):
    assert restorer.askable == ("noise", "blur", "rain", "haze", "lowlight")
    assert make_restorer().askable == tuple(Degradation)
    first, *others = restorer.adapters
    restorer.adapters = (dataclasses.replace(first, name="snow", degradation="snow"), *others)
    assert restorer.askable == ("snow", "blur", "rain", "noise", "haze", "lowlight")
    restorer.adapters = (dataclasses.replace(first, name="grain"), *others)
    assert restorer.askable == ("grain", "blur", "rain", "haze", "lowlight")


def told_of(restorer: Restorer, asked: Asked) -> dict[str, float]:
    values = [round(value, 4) for value in asked.told[0].tolist()]
    return dict(zip(restorer.config.degradations, values, strict=True))


def test_amounts_are_told_by_degradation_and_weigh_the_adapters(restorer):
    asked = restorer.ask(torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5]]))
    assert told_of(restorer, asked) == {
        "noise": 0.1,
        "blur": 0.2,
        "rain": 0.3,
        "haze": 0.4,
        "lowlight": 0.5,
    }
    torch.testing.assert_close(asked.weights, torch.tensor([[0.1, 0.2, 0.3]]))
    assert asked.field is None
    of_adapters = restorer.ask(torch.tensor([[0.1, 0.2, 0.3]]))
    assert told_of(restorer, of_adapters)["haze"] == 0
    alone = restorer.ask(torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5]]), adapters=False)
    assert alone.weights is None
    assert torch.equal(alone.told, asked.told)
    assert restorer.ask_all(2).told.tolist() == [[1] * 5] * 2


def test_a_degradation_that_the_baseline_does_not_know_is_asked_of_its_adapter_alone(restorer):
    first, *others = restorer.adapters
    restorer.adapters = (dataclasses.replace(first, name="snow", degradation="snow"), *others)
    asked = restorer.ask(torch.tensor([[0.8, 0.0, 0.0, 0.0, 0.0, 0.0]]))
    assert not asked.told.any()
    torch.testing.assert_close(asked.weights, torch.tensor([[0.8, 0.0, 0.0]]))
    assert asked.gate.item() == 1
    snowless = restorer.restore_picture(EIGHT, adapters={"snow": 1.0})
    assert not torch.equal(snowless, EIGHT)


def test_two_adapters_of_one_degradation_tell_the_larger_amount(restorer):
    first, second, third = restorer.adapters
    restorer.adapters = (first, dataclasses.replace(second, degradation="noise"), third)
    asked = restorer.ask(torch.tensor([[0.3, 0.7, 0.1]]))
    assert told_of(restorer, asked)["noise"] == 0.7
    asked = restorer.ask(torch.tensor([[0.9, 0.7, 0.1]]))
    assert told_of(restorer, asked)["noise"] == 0.9


def test_what_the_baseline_removes_alone_is_removed_where_no_adapter_acts_too(restorer, whole):
    crop, description = torch.rand(1, 3, 32, 48), make_description(restorer)
    field = torch.zeros(1, 3, 16, 24)
    field[..., 12:] = 0.5
    amounts = torch.tensor([[0.0, 0.0, 0.5, 0.8, 0.0]])  # rain by its adapter; haze without
    varying = restorer.ask(amounts, field=field)
    answer = restorer.restore_crops(crop, description, varying, whole)
    assert (answer[..., :24] - crop[..., :24]).abs().mean() > 1e-3
    amounts[:, 3] = 0
    only_rain = restorer.ask(amounts, field=field)
    answer = restorer.restore_crops(crop, description, only_rain, whole)
    assert torch.equal(answer[..., :24], crop[..., :24])


@pytest.mark.parametrize("wish", [{"haze": 1.0}, {"haze": 0.5, "lowlight": 1.0}])
def test_both_blends_are_the_same_where_no_adapter_is_asked(restorer, wish):
    image, pixel = (
        restorer.restore_picture(EIGHT, adapters=wish, blend=blend, precision="fp32")
        for blend in ("image", "pixel")
    )
    assert (image.int() - pixel.int()).abs().max() <= 1
    assert not torch.equal(image, EIGHT)


@pytest.mark.parametrize("blend", ["image", "pixel"])
def test_a_baseline_without_adapters_removes_what_it_is_asked_to(blend):
    restorer = make_restorer()
    assert torch.equal(restorer.restore_picture(EIGHT, blend=blend), EIGHT)
    answer = restorer.restore_picture(EIGHT, adapters={"noise": 1.0}, blend=blend)
    assert not torch.equal(answer, EIGHT)


def test_the_map_does_not_depend_on_what_is_asked(restorer, whole):
    """It is made with everything asked of the baseline, whatever is removed afterwards."""
    crop, description = torch.rand(1, 3, 32, 40), make_description(restorer)
    features = restorer(crop, description, restorer.ask_all(1), whole).features
    expected = restorer.head(features).softmax(dim=1)
    torch.testing.assert_close(restorer.segment(crop, description, whole), expected)
    assert restorer.label_picture(EIGHT).max() < len(CLASSES)


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_a_picture_with_extreme_features_does_not_explode(size, whole):
    """The grid stays bounded, and the answer is finite, however far the features are off."""
    torch.manual_seed(0)
    restorer = make_restorer(2, 4, 3)
    description = make_description(restorer)
    extreme = dataclasses.replace(description, features=size * description.features)
    crop = torch.rand(1, 3, 32, 40)
    for asked in (make_asked(restorer), restorer.ask_all(1)):
        answer = restorer.restore_crops(crop, extreme, asked, whole)
        assert bool(answer.isfinite().all())
    untouched = restorer.restore_crops(crop, extreme, Asked(torch.zeros(1, 5)), whole)
    assert torch.equal(untouched, crop)


def test_a_grid_of_extreme_features_changes_a_picture_by_a_bounded_amount(whole):
    """With nothing but the grid at work, no pixel moves by more than its coefficients allow."""
    restorer = Restorer(TINY).eval().requires_grad_(requires_grad=False)
    torch.nn.init.normal_(restorer.backbone.grid.cells.weight)
    description = make_description(restorer)
    extreme = dataclasses.replace(description, features=1e6 * description.features)
    crop = torch.rand(1, 3, 32, 40)
    answer = restorer.restore_crops(crop, extreme, restorer.ask_all(1), whole)
    assert 1 < (answer - crop).abs().max() <= 16
