from pathlib import Path

import numpy as np
import pytest
import torch

from model.evaluation import (
    LATER,
    MILD,
    MIXTURES,
    Mix,
    degraded_by,
    mixed_pictures,
    over_each_other,
)
from model.evaluation.making import draw_severity
from tests.model.conftest import write_picture


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write_picture(tmp_path / f"{name}.png", rng.integers(40, 200, (64, 80, 3), dtype=np.uint8))
    return tmp_path


def test_degradations_lie_over_each_other_and_the_clean_picture_stays(clean: Path):
    for kinds in MIXTURES:
        (degraded, original), *_ = over_each_other(clean, kinds, 3)
        assert degraded.shape == original.shape == (3, 64, 80)
        assert degraded.dtype == torch.uint8
        (alone, same), *_ = over_each_other(clean, kinds[:1], 1)
        assert torch.equal(original, same)
        assert not torch.equal(degraded, alone)


def test_pictures_are_taken_in_turn_each_with_damage_of_its_own(clean: Path):
    first, second, third = (pair[0] for pair in over_each_other(clean, ["noise"], 3))
    assert not torch.equal(first, second)
    assert not torch.equal(first, third)  # the first picture again, other noise


def test_an_unknown_degradation_is_named(clean: Path):
    with pytest.raises(ValueError, match="dust"):
        next(iter(over_each_other(clean, ["dust"], 1)))


def test_severities_are_of_all_strengths_whatever_training_draws(clean: Path, monkeypatch):
    def pictures() -> list[torch.Tensor]:
        mixed = mixed_pictures(clean, 8, Mix.CUTMIX)
        made = [over_each_other(clean, ["noise"], 8), degraded_by(clean, "noise", None, 8)]
        return [pair[0] for pairs in made for pair in pairs] + [one.degraded for one in mixed]

    before = pictures()
    monkeypatch.setattr("model.degradations.severity._SAMPLERS", {})
    assert all(torch.equal(*pair) for pair in zip(before, pictures(), strict=True))
    drawn = [draw_severity(np.random.default_rng(seed)) for seed in range(200)]
    assert np.quantile(drawn, [0, 0.5, 1]) == pytest.approx([0.2, 0.6, 1], abs=0.06)


def test_mild_noise_is_of_five_levels(clean: Path):
    for noisy, original in degraded_by(clean, *MILD[1:], 4):
        deviation = (noisy.float() - original.float()).std().item()
        assert deviation == pytest.approx(5, rel=0.25)


def test_later_degradations_are_as_they_are_called(clean: Path):
    assert [kind for _, kind, _ in LATER] == ["jpeg", "bitdepth", "snow"]
    assert all(title.startswith(kind) for title, kind, _ in LATER)
    for _, kind, severity in LATER:
        for degraded, original in degraded_by(clean, kind, severity, 2):
            assert not torch.equal(degraded, original)
            if kind == "bitdepth":
                assert len(degraded.unique()) <= 16
