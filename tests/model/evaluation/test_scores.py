import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from model.evaluation import MODES, OTHER_MODES, Score, evaluate_task, five_task_average
from model.evaluation.scores import oracle_name
from model.pictures.folders import find_pairs


@dataclass(frozen=True)
class FakeAdapter:
    name: str
    degradation: str


class FakeRestorer:
    """Takes 10 levels off in mode auto, 5 with an adapter by name, and changes nothing else."""

    def __init__(self, *adapters: FakeAdapter, alone: Sequence[str] = ()) -> None:
        rain, noise = FakeAdapter("rain-v2", "rain"), FakeAdapter("noise", "noise")
        self.adapters = [*adapters] or [rain, noise]
        self.askable = [*(adapter.name for adapter in self.adapters), *alone]
        self.asked: list[str | Mapping[str, float]] = []

    def restore(
        self,
        picture: torch.Tensor,
        *,
        adapters: str | Mapping[str, float] = "auto",
        blend: str = "image",
    ) -> torch.Tensor:
        self.asked.append(adapters if blend == "image" else blend)
        levels = {"auto": 10}.get(adapters, 0) if isinstance(adapters, str) else 5
        return picture - levels


def decibels(levels: int) -> float:
    return -20 * math.log10(levels / 255)


def test_each_mode_gets_a_row_with_the_mean_of_its_pictures(tasks: Path):
    restorer = FakeRestorer()
    rows = evaluate_task(restorer, "rain", find_pairs(tasks)["rain"])
    assert [row.mode for row in rows] == ["input", *MODES]
    assert {row.mode: row.psnr for row in rows} == pytest.approx(
        {
            "input": decibels(10),
            "none": decibels(10),
            "auto": 60.0,
            "top": decibels(10),
            "oracle": decibels(5),
        },
        abs=1e-4,
    )
    assert rows[2].ssim == pytest.approx(1.0)
    assert rows[0].ssim < 1
    assert {row.count for row in rows} == {2}
    assert restorer.asked[:4] == ["none", "auto", "top", {"rain-v2": 1.0}]


def test_adapters_can_be_summed_averaged_and_led_by_the_map(tasks: Path):
    restorer = FakeRestorer()
    pairs = find_pairs(tasks)["rain"][:1]
    rows = evaluate_task(restorer, "rain", pairs, modes=OTHER_MODES)
    assert [row.mode for row in rows] == ["input", *OTHER_MODES]
    assert restorer.asked == [
        {"rain-v2": 1.0, "noise": 1.0},
        {"rain-v2": 0.5, "noise": 0.5},
        "pixel",
    ]


def test_only_restored_rows_have_a_time(tasks: Path):
    rows = evaluate_task(FakeRestorer(), "rain", find_pairs(tasks)["rain"], modes=["auto"])
    assert rows[0].seconds_per_megapixel is None
    assert rows[1].seconds_per_megapixel is not None
    assert rows[1].seconds_per_megapixel > 0


def test_no_oracle_where_nothing_that_can_be_asked_for_fits(tasks: Path):
    rows = evaluate_task(FakeRestorer(), "haze", find_pairs(tasks)["haze"])
    assert [row.mode for row in rows] == ["input", "none", "auto", "top"]


def test_progress_advances_once_a_picture(tasks: Path):
    seen: list[int] = []
    evaluate_task(FakeRestorer(), "rain", find_pairs(tasks)["rain"], advance=lambda: seen.append(1))
    assert len(seen) == 2


def test_an_unknown_mode_is_refused(tasks: Path):
    with pytest.raises(ValueError, match="got best"):
        evaluate_task(FakeRestorer(), "rain", find_pairs(tasks)["rain"], modes=["auto", "best"])


@pytest.mark.parametrize(
    ("task", "name"),
    [("noise25", "noise"), ("noise", "noise"), ("blur_small", "b"), ("clean", None)],
)
def test_the_oracle_is_found_by_the_start_of_the_task(task, name):
    restorer = FakeRestorer(FakeAdapter("noise", "noise"), FakeAdapter("b", "blur"))
    assert oracle_name(task, restorer) == name


def test_the_longest_fitting_degradation_is_the_oracle():
    restorer = FakeRestorer(FakeAdapter("rain", "rain"), FakeAdapter("drops", "raindrop"))
    assert oracle_name("raindrop", restorer) == "drops"


def test_the_oracle_asks_the_baseline_for_what_it_removes_alone(tasks: Path):
    restorer = FakeRestorer(FakeAdapter("noise", "noise"), alone=["haze", "lowlight"])
    assert oracle_name("haze_rooms", restorer) == "haze"
    rows = evaluate_task(restorer, "haze", find_pairs(tasks)["haze"], modes=["oracle"])
    assert [row.mode for row in rows] == ["input", "oracle"]
    assert restorer.asked == [{"haze": 1.0}] * 2


def row(task: str, psnr: float, mode: str = "auto") -> Score:
    return Score(task, mode, 2, psnr, psnr / 100, None if mode == "input" else psnr / 10)


FIVE = [row("noise25", 30), row("blur", 25), row("rain", 35), row("haze", 20), row("lowlight", 15)]


def test_the_average_is_over_five_degradations_and_nothing_else():
    (average,) = five_task_average([*FIVE, row("blur_small", 99), row("clean", 60)])
    assert (average.mode, average.count) == ("auto", 10)
    assert average.psnr == pytest.approx(25)
    assert average.ssim == pytest.approx(0.25)
    assert average.seconds_per_megapixel == pytest.approx(2.5)


def test_two_tasks_of_one_degradation_count_as_one():
    (average,) = five_task_average([*FIVE, row("noise50", 20)])
    assert average.psnr == pytest.approx(24)


def test_a_mode_that_lacks_a_degradation_has_no_average():
    assert five_task_average(FIVE[1:]) == []
    inputs = [row(score.task, score.psnr, "input") for score in FIVE]
    (average,) = five_task_average([*inputs, *FIVE[1:]])
    assert (average.mode, average.seconds_per_megapixel) == ("input", None)
