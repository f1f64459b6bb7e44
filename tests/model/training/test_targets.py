"""What is asked for in training, and the targets that keep what isn't."""

import dataclasses
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch

from model.config import CLASSES, CLEAN, FULL_SEVERITY
from model.degradations import degrade, in_order
from model.training.asks import Layer, draw_asks
from model.training.batch import IGNORE
from model.training.data import Batches
from tests.model.training.conftest import CPU, MIX


class Recorded(Batches):
    """Batches that remember how the last picture was made, and may be told what is asked."""

    asks: dict[str, float] | None
    made: dict[str, Any]

    def _damage(self, clean, layers, depth, seed, *, beside):
        if not self.made:
            self.made = {"clean": clean, "layers": layers, "depth": depth}
        return super()._damage(clean, layers, depth, seed, beside=beside)

    def picture(self, seed):
        self.made = {}

        def drawn(layers, mix, rng):
            asks = draw_asks(layers, mix, rng)  # in any case: what is drawn later stays the same
            return asks if self.asks is None else dict(self.asks)

        with patch("model.training.data.draw_asks", drawn):
            return self._picture(np.random.default_rng(seed))


def recorded(sources, *kinds, asks=None, **changes):
    mix = dataclasses.replace(MIX, odds=tuple((kind, 1.0) for kind in kinds), **changes)
    batches = Recorded(sources, mix, seed=0)
    batches.asks = asks
    return batches


def through(clean, layers, depth=None):
    """Recompute a picture under layers, by the operators alone."""
    for layer in layers:
        rng = np.random.default_rng(layer.seed)
        clean = degrade(clean, layer.kind, layer.severity, rng, depth=depth)
    return clean


ONE_OVER_ANOTHER = {"cutmix": 0.0, "compound": 1.0}
BESIDE = {"cutmix": 1.0, "compound": 0.0}


@pytest.mark.parametrize("severity", [0.05, 0.3, 0.9])
def test_asking_for_the_amount_that_is_there_or_more_removes_all_of_it(severity):
    layer = Layer("rain", severity, 5)
    assert layer.amount == pytest.approx(min(1.0, severity / FULL_SEVERITY))
    for asked in (layer.amount, min(1.0, layer.amount * 1.5), 1.0):
        assert layer.left_by({"rain": asked}) == Layer("rain", 0.0, 5)


@pytest.mark.parametrize("severity", [0.05, 0.3, 0.9])
def test_asking_for_half_of_the_amount_leaves_half_of_the_severity(severity):
    layer = Layer("rain", severity, 5)
    left = layer.left_by({"rain": layer.amount / 2})
    assert left.severity == pytest.approx(severity / 2)
    assert (left.kind, left.seed) == ("rain", 5)


def test_what_is_not_asked_for_stays_and_clean_has_no_amount():
    layer = Layer("rain", 0.4, 5)
    assert layer.left_by({}) == layer.left_by({"rain": 0.0, "noise": 1.0}) == layer
    clean = Layer(CLEAN, 0.0, 5)
    assert clean.amount == 0
    assert clean.left_by({"rain": 1.0}) == clean


PAIRS = [("haze", "noise"), ("rain", "noise"), ("lowlight", "blur"), ("haze", "rain")]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_of_two_layers_the_one_that_is_not_asked_for_is_exactly_what_is_left(sources, pair):
    for asked, other in (pair, pair[::-1]):
        asks = {asked: 1.0}
        batches = recorded(sources, *pair, asks=asks, company=pair, depth=0.5, **ONE_OVER_ANOTHER)
        for seed in range(6):
            made = batches.picture(seed)
            clean, layers = batches.made["clean"], batches.made["layers"]
            assert [layer.kind for layer in layers] == in_order(pair)
            (left,) = (layer for layer in layers if layer.kind == other)
            expected = through(clean, [left], batches.made["depth"])
            np.testing.assert_array_equal(made.target, expected)
            whole = through(clean, layers, batches.made["depth"])
            np.testing.assert_array_equal(made.degraded, whole)
            assert not np.array_equal(made.target, made.degraded)


def test_a_layer_that_is_asked_for_in_part_is_left_at_a_part_of_its_severity(sources):
    batches = recorded(sources, "rain", "noise", company=("rain", "noise"), **ONE_OVER_ANOTHER)
    for seed in range(6):
        batches.asks = {}
        batches.picture(seed)
        rain, noise = batches.made["layers"]
        batches.asks = {"rain": rain.amount / 4, "noise": noise.amount / 2}
        made = batches.picture(seed)
        milder = [
            dataclasses.replace(rain, severity=rain.severity * 0.75),
            dataclasses.replace(noise, severity=noise.severity * 0.5),
        ]
        expected = through(batches.made["clean"], milder)
        np.testing.assert_allclose(made.target, expected, atol=1.01 / 255)
        assert np.mean(made.target != expected) < 0.01  # but for a rounding of the severity


@pytest.mark.parametrize("how", [ONE_OVER_ANOTHER, BESIDE, {"cutmix": 0.0, "compound": 0.0}])
def test_nothing_asked_gives_the_degraded_picture_and_everything_the_clean_one(sources, how):
    kinds = ("clean", "haze", "noise", "rain", "lowlight", "blur")
    batches = recorded(sources, *kinds, **how)
    for seed in range(30):
        batches.asks = {}
        nothing = batches.picture(seed)
        assert nothing.target is nothing.degraded
        assert not nothing.asked.any()
        batches.asks = None
        everything = batches.picture(seed)
        np.testing.assert_array_equal(everything.target, batches.made["clean"])
        np.testing.assert_array_equal(everything.degraded, nothing.degraded)


def test_parts_lie_at_the_same_places_in_target_and_degraded(sources):
    kinds = ("rain", "lowlight", "clean")
    batches = recorded(sources, *kinds, asks={"rain": 1.0}, company=kinds, **BESIDE)
    seen = 0
    for seed in range(20):
        made, clean = batches.picture(seed), batches.made["clean"]
        rain = made.labels == CLASSES.index("rain")
        np.testing.assert_array_equal(made.target[rain], clean[rain])
        np.testing.assert_array_equal(made.target[~rain], made.degraded[~rain])
        dark = made.labels == CLASSES.index("lowlight")
        seen += rain.any() and dark.any() and not np.array_equal(made.degraded[dark], clean[dark])
    assert seen > 4


def amounts_of(made):
    amounts = zip(CLASSES, made.amounts.tolist(), strict=True)
    return {name: amount for name, amount in amounts if amount}


def labels_of(**shares):
    """Labels of a picture of 100 by 100, in stripes of so many rows; the rest is clean."""
    labels, row = np.zeros((100, 100), np.uint8), 0
    for name, rows in shares.items():
        labels[row : row + rows] = CLASSES.index(name)
        row += rows
    return labels


@pytest.mark.parametrize(("rows", "there"), [(3, 0), (4, 0.7), (60, 0.7)])
def test_a_part_below_the_least_area_has_no_amount(sources, rows, there):
    made = recorded(sources, "rain")._made(
        np.zeros((100, 100, 3), np.float32),
        np.zeros((100, 100, 3), np.float32),
        labels_of(rain=rows, noise=30),
        {"rain": 0.7, "noise": 0.4, CLEAN: 0.0},
        {"rain": 0.9},
    )
    assert amounts_of(made) == pytest.approx({"noise": 0.4} | ({"rain": there} if there else {}))
    assert made.shares[CLASSES.index("rain")] == pytest.approx(rows / 100)
    assert made.asked[CLASSES.index("rain")] == pytest.approx(0.9)


def test_layers_over_each_other_all_have_their_amounts(sources):
    batches = recorded(sources, "rain", "noise", company=("rain", "noise"), **ONE_OVER_ANOTHER)
    for seed in range(6):
        made = batches.picture(seed)
        assert (made.labels == IGNORE).all()
        expected = {layer.kind: layer.amount for layer in batches.made["layers"]}
        assert amounts_of(made) == pytest.approx(expected)
        assert sorted(expected) == ["noise", "rain"]


def test_of_several_parts_of_one_kind_the_worst_counts(sources):
    batches = recorded(sources, "rain", company=("haze", "clean"), **BESIDE)
    several = 0
    for seed in range(30):
        made = batches.picture(seed)
        hazy = [layer.amount for layer in batches.made["layers"] if layer.kind == "haze"]
        seen = np.mean(made.labels == CLASSES.index("haze")) > 0.05
        if hazy and seen:
            assert amounts_of(made)["haze"] == pytest.approx(max(hazy))
            several += min(hazy) < max(hazy)
    assert several > 1


@pytest.mark.parametrize("all_asked", [1.0, 0.0])
def test_real_pairs_are_restored_wholly_or_not_at_all(sources, all_asked):
    batches = recorded(sources, "lowlight", pairs=1.0, all_asked=all_asked)
    column, kept = CLASSES.index("lowlight"), 0
    for seed in range(60):
        made = batches._picture(np.random.default_rng(seed))
        assert made.amounts[column] == 1
        assert made.asked[column] in (0, 1)
        dark = made.target.mean() < 0.1
        kept += dark
        assert dark == (made.asked[column] == 0)
        assert dark == np.array_equal(made.target, made.degraded)
    assert kept == 0 if all_asked else 15 < kept < 45


def asks_of(batches, layers, draws=400):
    return [draw_asks(layers, batches.mix, np.random.default_rng(seed)) for seed in range(draws)]


def test_where_everything_is_asked_at_least_what_is_there_is(sources):
    batches = recorded(sources, "rain", all_asked=1.0)
    layers = [Layer("rain", 0.15, 0), Layer("noise", 0.9, 0), Layer(CLEAN, 0.0, 0)]
    drawn = asks_of(batches, layers)
    assert all(asks["rain"] >= 0.5 and asks["noise"] == 1 for asks in drawn)
    rain = [asks["rain"] for asks in drawn]
    assert {0.5, 1.0} <= set(rain)
    assert any(0.5 < amount < 1 for amount in rain)
    assert not any(CLEAN in asks for asks in drawn)


def test_where_a_part_is_asked_each_is_asked_on_its_own_at_times_in_part(sources):
    batches = recorded(sources, "rain", all_asked=0.0)
    drawn = asks_of(batches, [Layer("rain", 0.15, 0), Layer("noise", 0.9, 0)])
    asked = {kind: np.array([kind in asks for asks in drawn]) for kind in ("rain", "noise")}
    for share in asked.values():
        assert 0.4 < share.mean() < 0.6
    both = np.mean(asked["rain"] & asked["noise"])
    assert 0.15 < both < 0.35
    partly = np.mean([asks["rain"] < 0.5 for asks in drawn if "rain" in asks])
    assert 0.15 < partly < 0.35
    assert all(0 < amount <= 1 for asks in drawn for amount in asks.values())


def test_what_is_always_asked_is_asked_in_full_wherever_it_is(sources):
    batches = recorded(sources, "rain", all_asked=0.0, always=("rain",))
    drawn = asks_of(batches, [Layer("rain", 0.15, 0), Layer("noise", 0.9, 0)])
    assert all(asks["rain"] >= 0.5 for asks in drawn)
    assert 0.4 < np.mean(["noise" in asks for asks in drawn]) < 0.6


def test_what_is_not_there_is_asked_for_at_times_but_noise_never_under_low_light(sources):
    batches = recorded(sources, "rain")
    drawn = asks_of(batches, [Layer("lowlight", 0.5, 0)])
    shares = {kind: np.mean([kind in asks for asks in drawn]) for kind in CLASSES}
    assert shares["noise"] == 0
    for kind in ("blur", "rain", "haze"):
        assert 0.03 < shares[kind] < 0.15
    assert 0.03 < np.mean(["noise" in asks for asks in asks_of(batches, [])]) < 0.15


def test_asking_for_what_is_not_there_changes_no_target(sources):
    asks = {"rain": 1.0, "haze": 0.6, "lowlight": 1.0}
    batches = recorded(sources, "noise", asks=asks, cutmix=0.0, compound=0.0)
    made = batches.picture(0)
    assert made.target is made.degraded
    assert made.asked[CLASSES.index("haze")] == pytest.approx(0.6)


def test_a_batch_tells_of_each_picture_what_is_there_and_what_is_asked(sources):
    mix = dataclasses.replace(MIX, batch=6, crops=2, all_asked=0.3)
    batches = Batches(sources, mix, seed=0)
    batch = batches[3].on(CPU)
    assert batch.target.shape == batch.degraded.shape == (12, 3, 32, 32)
    for place in range(6):
        made = batches._picture(np.random.default_rng([0, 3, place]))
        assert torch.equal(batch.amounts[place], made.amounts)
        assert torch.equal(batch.asked[place], made.asked)
    assert torch.equal(batch.of("rain", batch.asked), batch.asked[:, CLASSES.index("rain")])
    assert not batch.of("snow", batch.asked).any()
    assert not batch.of(CLEAN, batch.amounts).any()
    assert batch.per_crop(batch.asked).shape == (12, len(CLASSES))


@pytest.mark.parametrize(("depth", "drawn"), [(0.0, True), (1.0, False)])
def test_drawings_take_the_place_of_photographs_but_not_of_rooms_with_depth(
    sources, monkeypatch, depth, drawn
):
    monkeypatch.setattr(
        "model.training.data.draw",
        lambda height, width, _rng: np.zeros((height, width, 3), np.float32),
    )
    batches = recorded(sources, "haze", drawn=1.0, depth=depth, cutmix=0.0, compound=0.0)
    for seed in range(5):
        batches.picture(seed)
        assert (not batches.made["clean"].any()) == drawn
        assert (batches.made["depth"] is None) == drawn
