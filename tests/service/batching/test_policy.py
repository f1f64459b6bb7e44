import pytest

from service.batching.policy import SchedulingPolicy

POLICY = SchedulingPolicy(max_cost=1000, max_units=4)


@pytest.mark.parametrize(("cost", "tiles"), [(1000, 2), (400, 5), (5000, 1)])
def test_tiles_that_fill_two_batches_are_submitted_at_once(cost, tiles):
    assert POLICY.tiles_at_once(cost) == tiles


def test_a_piece_is_half_a_batch():
    assert POLICY.piece_side() ** 2 <= 500 < (POLICY.piece_side() + 1) ** 2


@pytest.mark.parametrize(
    ("queued", "seconds", "splits"),
    [(0, 0.5, True), (2, 1.0, True), (3, 0.5, False), (0, 1.1, False), (0, float("inf"), False)],
)
def test_tiles_are_split_while_small_pictures_arrive_and_few_units_wait(queued, seconds, splits):
    assert POLICY.splits_tiles(queued, seconds) is splits


@pytest.mark.parametrize(
    "wrong", [{"max_cost": 0}, {"max_units": 0}, {"max_queued": 0}, {"max_wait": -1.0}]
)
def test_limits_below_one_are_refused(wrong):
    with pytest.raises(ValueError, match="positive"):
        SchedulingPolicy(**{"max_cost": 1, "max_units": 1, **wrong})
