import pytest

from model.config import Degradation
from model.evaluation.tasks import degradation_of, kind_of


@pytest.mark.parametrize(
    ("task", "degradation"),
    [("noise25", "noise"), ("blur_small", "blur"), ("raindrop", "raindrop"), ("clean", None)],
)
def test_a_task_is_of_the_longest_degradation_that_its_name_starts_with(task, degradation):
    assert degradation_of(task, [*Degradation, "raindrop"]) == degradation


def test_the_kind_of_a_task_is_its_name_without_a_number():
    kinds = [kind_of(task) for task in ("noise25", "blur_small", "rain")]
    assert kinds == ["noise", "blur_small", "rain"]
