import dataclasses

import pytest
import torch

from model.config import CLASSES, Degradation
from model.networks.asked import Asked
from model.networks.description import Description
from model.training.data import Batches
from model.training.losses import CLASS_WEIGHTS, log_mse
from model.training.phases import adapter, baseline, estimator
from tests.model.conftest import make_network
from tests.model.training.conftest import CPU, MIX


class Told(torch.nn.Module):
    """An estimator that says what it is told to."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, _views: object) -> torch.Tensor:
        return self.logits


def test_each_kind_is_drawn_at_equal_odds_beside_clean_pictures():
    odds = dict(estimator([*Degradation, "snow"]).mix.odds)
    assert set(odds) == {*CLASSES, "snow"}
    assert sum(odds.values()) == pytest.approx(1)
    assert odds["snow"] == odds["rain"]


def test_an_adapters_phase_draws_its_own_kind_alone_and_with_the_five(sources):
    mix = dataclasses.replace(adapter("snow").mix, crop=32, window=(40, 64), batch=300)
    batch = Batches(sources, mix, seed=0)[0]
    snow, layered = batch.of("snow", batch.shares), batch.layered()
    assert int((snow == 1).sum()) > 150
    assert 60 < int(layered.sum()) < 120
    assert bool((snow[layered] == 0.5).all())
    others = {name for name in CLASSES if bool(batch.of(name, batch.shares)[layered].any())}
    assert others == set(Degradation)
    assert bool(((snow > 0) & (snow < 1) & ~layered).any())
    asked = batch.of("snow", batch.asked)
    assert bool((asked[snow > 0] >= batch.of("snow", batch.amounts)[snow > 0]).all())  # always
    for kind in Degradation:  # and of what comes with it a part: the target keeps the rest
        there = batch.of(kind, batch.amounts) > 0
        assert 0.4 < (batch.of(kind, batch.asked)[there] > 0).float().mean() < 1


def test_what_storing_did_stays_in_phases_one_and_three():
    assert baseline().mix.stored == estimator().mix.stored > 0
    assert {adapter(kind).mix.stored for kind in ("jpeg", "bitdepth", "noise")} == {0}


@pytest.mark.parametrize("phase", [baseline(), adapter("noise")], ids=lambda phase: phase.name)
def test_low_light_in_a_part_of_a_picture_is_not_restored(sources, phase):
    network = make_network(2)
    mix = dataclasses.replace(
        MIX, odds=(("lowlight", 1.0), ("noise", 1.0)), cutmix=0.5, compound=0.0, batch=16, crops=2
    )
    batch = Batches(sources, mix, seed=0)[0].on(CPU)
    dark = batch.of("lowlight", batch.shares)
    partly = (dark > 0) & (dark < 1)
    assert 0 < int(partly.sum()) < 16
    before = phase.losses(network, batch)["restoration"]
    batch.target[batch.per_crop(partly)] += 0.5
    assert phase.losses(network, batch)["restoration"] == before
    batch.target[batch.per_crop(dark == 1)] += 0.5
    assert phase.losses(network, batch)["restoration"] != before


@pytest.mark.parametrize("phase", [baseline(), adapter("noise")], ids=lambda phase: phase.name)
def test_low_light_in_a_part_of_a_picture_counts_where_it_is_to_stay(sources, phase):
    network = make_network(2)
    mix = dataclasses.replace(
        MIX, odds=(("lowlight", 1.0), ("noise", 1.0)), cutmix=1.0, compound=0.0, batch=16
    )
    batch = Batches(sources, mix, seed=0)[0].on(CPU)
    batch.asked[:, CLASSES.index("lowlight")] = 0
    dark = batch.of("lowlight", batch.shares)
    partly = (dark > 0) & (dark < 1)
    before = phase.losses(network, batch)["restoration"]
    batch.target[partly] += 0.5
    assert phase.losses(network, batch)["restoration"] != before


def test_degradations_over_each_other_count_one_in_the_baseline(sources):
    network = make_network()
    mix = dataclasses.replace(
        MIX, odds=(("lowlight", 1.0), ("noise", 1.0)), cutmix=0.0, compound=1.0, batch=4
    )
    batch = Batches(sources, mix, seed=0)[0].on(CPU)
    assert batch.layered().all()
    context, features = network.context(batch.views)
    description = Description(context, features, torch.zeros(4, 0))
    told = torch.stack([batch.of(kind, batch.asked) for kind in Degradation], dim=1)
    assert told.any()
    out = network(batch.degraded, description, Asked(told), batch.position)
    torch.testing.assert_close(
        baseline().losses(network, batch)["restoration"], log_mse(out.image, batch.target)
    )


def test_the_baseline_learns_to_leave_alone_what_is_not_asked_for(sources):
    """Where nothing is asked the target is the input, and so is the answer, by the gate."""
    network = make_network()
    mix = dataclasses.replace(MIX, odds=(("noise", 1.0),), cutmix=0.0, compound=0.0, batch=4)
    batch = Batches(sources, mix, seed=0)[0].on(CPU)
    batch.asked.zero_()
    batch.target.copy_(batch.degraded)
    best = CLASS_WEIGHTS["noise"] * log_mse(batch.degraded, batch.degraded)
    torch.testing.assert_close(baseline().losses(network, batch)["restoration"], best)
    batch.asked[:, CLASSES.index("noise")] = 1
    assert baseline().losses(network, batch)["restoration"] > best + 1


def test_an_adapter_is_weighed_by_what_is_asked_of_it(sources):
    """The baseline is told of it by its own column; one that it does not know, by the weight."""
    network = make_network(2)
    snow = dataclasses.replace(network.adapters[0], name="snow", degradation="snow")
    network.adapters = (snow,)
    mix = dataclasses.replace(MIX, odds=(("snow", 1.0),), cutmix=0.0, compound=0.0, batch=4)
    batch = Batches(sources, mix, seed=0)[0].on(CPU)
    column = batch.classes.index("snow")
    batch.asked.zero_()
    losses = []
    for amount in (0.0, 0.3, 1.0):
        batch.asked[:, column] = amount
        context, features = network.context(batch.views)
        description = Description(context, features, torch.zeros(4, 0))
        asked = Asked(torch.zeros(4, 5), torch.full((4, 1), amount))
        out = network(batch.degraded, description, asked, batch.position)
        loss = adapter("snow").losses(network, batch)["restoration"]
        torch.testing.assert_close(loss, log_mse(out.image, batch.target))
        losses.append(loss.item())
    assert len({*losses}) == 3


def test_low_light_in_a_part_of_a_picture_is_to_be_seen(sources):
    network = make_network()
    mix = dataclasses.replace(
        MIX, odds=(("lowlight", 1.0), ("noise", 1.0)), cutmix=1.0, compound=0.0, batch=8
    )
    batch = Batches(sources, mix, seed=0)[0].on(CPU)
    dark = batch.of("lowlight", batch.shares)
    partly = (dark > 0) & (dark < 1)
    before = baseline().losses(network, batch)
    batch.labels[batch.per_crop(partly)] = 1
    assert baseline().losses(network, batch)["segmentation"] != before["segmentation"]


def test_the_estimator_is_to_see_all_that_lies_over_each_other_in_full(sources):
    network = make_network(2, 2)  # noise, blur
    mix = dataclasses.replace(
        MIX, odds=(("noise", 1.0), ("blur", 1.0)), cutmix=0.0, compound=1.0, batch=4
    )
    batch = Batches(sources, mix, seed=0)[0].on(CPU)
    batch.amounts[:, [CLASSES.index("noise"), CLASSES.index("blur")]] = 1
    losses = []
    for logits in ([9.0, 9.0], [9.0, -9.0], [-9.0, 9.0]):
        network.estimator = Told(torch.tensor([logits] * 4))  # type: ignore[assignment]
        losses.append(estimator().losses(network, batch)["estimation"].item())
    assert losses[0] < 1e-3
    assert min(losses[1:]) > 1


def test_the_estimator_is_to_find_a_kind_that_the_map_does_not_know(sources):
    network = make_network(2, 2)  # noise, blur
    snow = dataclasses.replace(network.adapters[1], name="snow", degradation="snow")
    network.adapters = (network.adapters[0], snow)
    mix = dataclasses.replace(
        MIX, odds=(("snow", 1.0), ("haze", 1.0)), cutmix=0.0, compound=0.0, batch=8
    )
    batch = Batches(sources, mix, seed=0)[0].on(CPU)
    snowy = batch.of("snow", batch.shares) == 1
    assert 0 < int(snowy.sum()) < 8
    batch.amounts[snowy, batch.classes.index("snow")] = 1
    right = torch.full((8, 2), -20.0)  # haze has no adapter here
    right[snowy, 1] = 20.0
    losses = []
    for logits in (right, right.flip(1)):
        network.estimator = Told(logits)  # type: ignore[assignment]
        losses.append(estimator().losses(network, batch)["estimation"].item())
    assert losses[0] < 1e-3
    assert losses[1] > 4


def test_what_is_asked_in_part_is_drawn_in_the_phases_that_restore():
    assert baseline().mix.all_asked < 1
    assert adapter("rain").mix.all_asked < 1
    assert adapter("rain").mix.always == ("rain",)
    assert estimator().mix.all_asked == 1  # it removes what it finds


@pytest.mark.parametrize("change", [{"odds": [["jpeg", 1]]}, {"company": ("clean", "jpeg")}])
def test_the_baseline_refuses_to_draw_what_its_map_has_no_class_for(change):
    phase = baseline()
    with pytest.raises(ValueError, match=r"baseline can't draw jpeg: name only clean, noise"):
        dataclasses.replace(phase, mix=dataclasses.replace(phase.mix, **change))
