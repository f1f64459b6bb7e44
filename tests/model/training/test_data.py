import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from model.config import CLASSES
from model.degradations import OwnDegradation
from model.training.batch import IGNORE
from model.training.data import Batches
from model.training.sources import Sources, read_sources
from model.training.team import Team
from tests.model.training.conftest import CPU, MIX, draw_picture


def test_a_batch_depends_on_seed_and_step_alone(sources):
    first = Batches(sources, MIX, seed=3)[11]
    again = Batches(sources, MIX, seed=3)[11]
    other = Batches(sources, MIX, seed=3)[12]
    assert torch.equal(first.degraded, again.degraded)
    assert torch.equal(first.views.patches, again.views.patches)
    assert not torch.equal(first.target, other.target)


def test_a_team_divides_the_pictures_of_a_batch(sources):
    whole = Batches(sources, MIX, seed=0)[5]
    parts = [Batches(sources, MIX, seed=0, team=Team(rank, 2))[5] for rank in range(2)]
    assert torch.equal(whole.degraded, torch.cat([part.degraded for part in parts]))
    with pytest.raises(ValueError, match="3 processes need mix"):
        Batches(sources, MIX, seed=0, team=Team(0, 3))


def test_crops_lie_in_pictures_and_carry_labels_and_shares(sources):
    batches = Batches(sources, dataclasses.replace(MIX, batch=24), seed=1)
    batch = batches[0].on(CPU)
    assert batch.degraded.shape == batch.target.shape == (24, 3, 32, 32)
    assert batch.labels.shape == (24, 32, 32)
    assert bool(((batch.position >= 0) & (batch.position <= 1)).all())
    assert set(batch.labels.unique().tolist()) <= {*range(len(CLASSES)), IGNORE}
    torch.testing.assert_close(batch.shares.sum(dim=1), torch.ones(24))


def test_what_is_labelled_clean_is_the_clean_picture(sources):
    mix = dataclasses.replace(MIX, batch=32, cutmix=1.0, compound=0.0)
    batch = Batches(sources, mix, seed=2)[0].on(CPU)
    clean = (batch.labels == 0)[:, None].expand_as(batch.target)
    assert clean.any()
    assert torch.equal(batch.degraded[clean], batch.target[clean])


def test_what_storing_did_to_a_photograph_is_to_stay(sources):
    mix = dataclasses.replace(MIX, odds=(("clean", 1.0),), retone=0.0, dim=0.0, cutmix=0.0)
    lost, levels = [], []
    for seed in range(40):  # the window is drawn before anything else
        plain = Batches(sources, mix, seed=0)._picture(np.random.default_rng(seed)).target
        stored = Batches(sources, dataclasses.replace(mix, stored=1.0), seed=0)
        made = stored._picture(np.random.default_rng(seed))
        clean = made.target
        np.testing.assert_array_equal(made.degraded, clean)
        lost.append(float(np.sqrt(np.mean((clean - plain) ** 2))) * 255)
        levels.append(len(np.unique(clean)) / len(np.unique(plain)))
    assert 0 < min(lost) < 2 < max(lost) < 20
    assert 4 < sum(share < 0.7 for share in levels) < 22  # the others have been JPEG


@pytest.mark.parametrize("kind", ["jpeg", "bitdepth"])
@pytest.mark.parametrize("how", ["alone", "beside", "over"])
def test_where_storing_is_to_be_undone_it_stays_only_under_other_degradations(sources, kind, how):
    odds = (("clean", 1.0), (kind, 1.0), ("haze", 1.0), ("noise", 1.0))
    beside, over = float(how == "beside"), float(how == "over")
    mix = dataclasses.replace(MIX, odds=odds, retone=0.0, dim=0.0, cutmix=beside, compound=over)
    plain, stored = (
        Batches(sources, dataclasses.replace(mix, stored=chance), seed=0) for chance in (0.0, 1.0)
    )
    kept = {True: 0, False: 0}
    for seed in range(60):
        before = plain._picture(np.random.default_rng(seed)).target
        made = stored._picture(np.random.default_rng(seed))
        named = {stored.classes[i] for i in made.shares.nonzero().flatten()}
        stays = not np.array_equal(made.target, before)
        assert not (stays and named & {"clean", kind})
        kept[stays] += 1
    assert min(kept.values()) > 3


def test_two_at_once_come_about_in_their_order_without_labels_and_share_equally(
    sources, monkeypatch
):
    done = []

    def note(picture, name, *_args, **_options):
        done.append(name)
        return picture

    monkeypatch.setattr("model.training.data.degrade", note)
    odds = (("noise", 1.0), ("clean", 1.0))
    mix = dataclasses.replace(
        MIX, odds=odds, cutmix=0.0, compound=1.0, company=("rain", "noise", "lowlight"), batch=40
    )
    batch = Batches(sources, mix, seed=4)[0].on(CPU)
    pairs, single = set(), 0
    names = iter(done)
    for shares, layered, labels in zip(batch.shares, batch.layered(), batch.labels, strict=True):
        assert bool(layered) == bool((labels == IGNORE).all())
        if layered:
            pair = next(names), next(names)
            assert [float(shares[CLASSES.index(name)]) for name in pair] == [0.5, 0.5]
            pairs.add(pair)
        else:
            single += 1  # clean
    assert next(names, None) is None
    assert pairs == {("rain", "noise"), ("lowlight", "noise")}
    assert single == int((batch.shares[:, 0] == 1).sum()) > 0


def test_half_of_what_meets_is_drawn_at_even_odds_up_to_severe(sources, monkeypatch):
    drawn = []

    def note(picture, _name, severity, *_args, **_options):
        drawn.append(severity)
        return picture

    monkeypatch.setattr("model.training.data.degrade", note)
    monkeypatch.setattr("model.training.data.sample_severity", lambda *_: 0.05)
    odds = (("rain", 1.0), ("noise", 1.0))
    mix = dataclasses.replace(MIX, odds=odds, cutmix=0.0, compound=1.0, retone=0.0, batch=80)
    Batches(sources, mix, seed=0)[0]
    first, second = (np.array(drawn[start::2]) for start in (0, 1))
    even = first != 0.05
    assert np.array_equal(even, second != 0.05)
    assert 25 < even.sum() < 55
    assert np.abs(first[even] - second[even]).max() > 0.3  # each its own
    assert min(first[even].min(), second[even].min()) >= 0.1
    assert max(first[even].max(), second[even].max()) > 0.9
    mix = dataclasses.replace(mix, compound=0.0)
    drawn.clear()
    Batches(sources, mix, seed=0)[0]
    assert set(drawn) == {0.05}


def test_what_is_cut_in_is_drawn_from_the_company_where_it_is_named(sources):
    mix = dataclasses.replace(
        MIX, odds=(("rain", 1.0),), company=("clean", "snow"), cutmix=1.0, compound=0.0, batch=24
    )
    batch = Batches(sources, mix, seed=0)[0]
    seen = {batch.classes[label] for label in batch.labels.unique().tolist()}
    assert seen == {"rain", "clean", "snow"}
    assert not batch.layered().any()


def test_several_crops_of_a_picture_share_what_is_told_of_the_whole(sources):
    batch = Batches(sources, dataclasses.replace(MIX, batch=4, crops=3), seed=0)[0]
    assert (
        len(batch.degraded) == len(batch.target) == len(batch.labels) == len(batch.position) == 12
    )
    assert len(batch.shares) == len(batch.views.patches) == len(batch.views.thumbnail) == 4
    assert len(batch.position.unique(dim=0)) > 8
    shares = batch.per_crop(batch.shares)
    assert torch.equal(shares, batch.shares.repeat_interleave(3, dim=0))
    for labels, share in zip(batch.labels, shares, strict=True):
        seen = set(labels.unique().tolist()) - {IGNORE}
        assert all(share[label] > 0 for label in seen)


def test_a_crops_box_says_where_in_its_picture_it_lies(sources):
    batches = Batches(sources, dataclasses.replace(MIX, batch=1, crops=4), seed=3)
    made = batches._picture(np.random.default_rng([3, 0, 0]))
    (height, width), batch = made.labels.shape, batches[0]
    for index, box in enumerate(batch.position.tolist()):
        top, left, bottom, right = (
            round(share * side) for share, side in zip(box, (height, width) * 2, strict=True)
        )
        of_picture = (made.target, batch.target[index]), (made.degraded, batch.degraded[index])
        for whole, crop in of_picture:
            part = whole[top:bottom, left:right] * 255
            np.testing.assert_allclose(crop.permute(1, 2, 0).numpy(), part, atol=1e-3)
        labels = made.labels[top:bottom, left:right]
        np.testing.assert_array_equal(batch.labels[index].numpy(), labels)


def test_pictures_travel_as_bytes_and_are_floats_on_a_device(sources):
    made = Batches(sources, dataclasses.replace(MIX, batch=12), seed=0)[0]
    batch = made.on(CPU)
    pictures = [
        (made.degraded, batch.degraded),
        (made.target, batch.target),
        (made.views.patches, batch.views.patches),
    ]
    for travelled, computed in pictures:
        assert travelled.dtype == torch.uint8
        assert torch.equal(travelled / 255, computed)
    whole = made.degraded.float().mean() / 255  # what a thumbnail keeps
    assert abs(batch.views.thumbnail.mean() - whole) < 0.1


def test_real_pairs_are_used_where_there_are_some(sources):
    mix = dataclasses.replace(MIX, odds=(("lowlight", 1.0),), cutmix=0.0, compound=0.0, pairs=1.0)
    batch = Batches(sources, mix, seed=0)[0].on(CPU)
    levels = (batch.target * 255).round()
    torch.testing.assert_close((batch.degraded * 255).round(), levels.div(8).floor())


def test_sources_without_a_clean_picture_are_refused():
    with pytest.raises(ValueError, match="no clean picture"):
        Sources([])


def test_a_degradation_of_ones_own_is_drawn_and_counted_as_a_class_of_its_own(sources, tmp_path):
    path = tmp_path / "degradation.py"
    path.write_text(
        "def degrade(clean, severity, rng):\n    return clean * (1 - severity)\n"
        "def sample_severity(rng):\n    return 1.0\n"
    )
    mix = dataclasses.replace(
        MIX, odds=(("clean", 1.0), ("night", 1.0)), cutmix=0.5, compound=0.0, batch=24
    )
    batch = Batches(sources, mix, seed=0, own={"night": OwnDegradation("night", path)})[0].on(CPU)
    assert batch.classes == (*CLASSES, "night")
    night = (batch.labels == len(CLASSES))[:, None]
    assert night.any()
    assert not batch.degraded[night.expand_as(batch.degraded)].any()
    shares = batch.of("night", batch.shares) + batch.of("clean", batch.shares)
    assert torch.allclose(shares, torch.ones(24))
    assert not batch.of("snow", batch.shares).any()
    dark = batch.of("night", batch.shares) > 0.1
    assert bool((batch.of("night", batch.amounts)[dark] == 1).all())


def test_what_is_kept_from_training_is_not_read(tmp_path):
    (tmp_path / "clean").mkdir()
    for seed in range(3):
        Image.fromarray(draw_picture(seed, 130, 130)).save(tmp_path / "clean" / f"{seed}.png")
    read = read_sources(tmp_path, without={tmp_path / "clean" / "1.png"})
    assert len(read.clean) == 2
    assert all(not np.array_equal(s.clean, draw_picture(1, 130, 130)) for s in read.clean)
