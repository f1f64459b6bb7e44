from pathlib import Path

import numpy as np
import pytest
import torch

from model.evaluation.control import evaluate_control
from tests.model.conftest import write_picture


class Doing:
    """A restorer that does one thing whatever is asked, and remembers what was asked."""

    adapters = ()
    askable = ("noise", "blur", "rain", "haze", "lowlight")

    def __init__(self, change) -> None:
        self.change = change
        self.asked: list[object] = []

    def restore(self, picture, *, adapters="auto", blend="image"):
        self.asked.append(adapters)
        return self.change(picture)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    write_picture(tmp_path / "a.png", rng.integers(40, 200, (64, 80, 3), dtype=np.uint8))
    return tmp_path


def test_every_ordered_pair_of_the_five_is_asked_for_by_name(clean: Path):
    nothing = Doing(lambda picture: picture)
    rows = list(evaluate_control(nothing, clean, 2))
    assert len({(row.asked, row.left) for row in rows}) == 20
    assert nothing.asked[:2] == [{rows[0].asked: 1.0}] * 2
    assert all(row.gain_db == 0 and row.count == 2 for row in rows)


def test_black_answers_lose_and_are_far_from_the_right_brightness(clean: Path):
    rows = list(evaluate_control(Doing(torch.zeros_like), clean, 1))
    bright = [row for row in rows if row.left not in ("lowlight",) and row.asked != "lowlight"]
    assert all(row.gain_db < 0 and row.shift > 40 for row in bright)
