"""The weights that ship: they load, they are told truly, and they make a photograph better."""

import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

import model
import model.restorer
from model.checkpoint import BUNDLED
from model.config import Degradation
from model.degradations import degrade
from model.metrics import psnr

README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.fixture(scope="module")
def restorer():
    return model.load()


@pytest.fixture(scope="module")
def photograph() -> torch.Tensor:
    """A public-domain photograph of NASA's that scikit-image ships, (3, 192, 192) uint8."""
    return torch.from_numpy(astronaut()[20:212, 120:312]).permute(2, 0, 1).contiguous()


def degraded_by(kind: Degradation, photograph: torch.Tensor) -> torch.Tensor:
    clean = photograph.permute(1, 2, 0).numpy().astype(np.float32) / np.float32(255)
    damaged = degrade(clean, kind, 0.5, np.random.default_rng(0))
    return torch.from_numpy(np.rint(damaged * 255).astype(np.uint8)).permute(2, 0, 1).contiguous()


def decibels(picture: torch.Tensor, clean: torch.Tensor) -> float:
    return psnr(picture[None].float() / 255, clean[None].float() / 255).item()


def test_there_is_one_adapter_for_each_degradation_with_its_measured_gain(restorer):
    removed = [adapter.degradation for adapter in restorer.adapters]
    assert set(removed) >= set(Degradation)
    assert len(set(removed)) == len(removed)
    assert all(adapter.gain_db is not None for adapter in restorer.adapters)
    five = [adapter for adapter in restorer.adapters if adapter.degradation in set(Degradation)]
    assert all(adapter.rank == 4 for adapter in five)


def test_all_weights_take_at_most_25_megabytes():
    total = sum(path.stat().st_size for path in BUNDLED.rglob("*") if path.is_file())
    assert total <= 25e6


@pytest.mark.parametrize(
    ("kind", "gain"),
    [(Degradation.NOISE, 3.0), (Degradation.RAIN, 1.0), (Degradation.LOWLIGHT, 3.0)],
)
def test_a_damaged_photograph_comes_back_better(restorer, photograph, kind, gain):
    damaged = degraded_by(kind, photograph)
    restored = restorer.restore_picture(damaged)
    assert decibels(restored, photograph) > decibels(damaged, photograph) + gain


def test_a_clean_photograph_comes_back_nearly_as_it_was(restorer, photograph):
    assert decibels(restorer.restore_picture(photograph), photograph) > 33


def test_the_readmes_python_runs(photograph, tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    Image.fromarray(photograph.permute(1, 2, 0).numpy()).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)
    assert isinstance(names["restored"], Image.Image)
    assert names["restored"].size == names["picture"].size


def test_the_examples_of_the_docstrings_hold():
    results = doctest.testmod(model.restorer)
    assert results.attempted >= 6
    assert results.failed == 0
