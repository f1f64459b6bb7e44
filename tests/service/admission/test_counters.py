import pytest

from service.admission.counters import Budget, Rate


def test_what_is_reserved_never_passes_the_limit():
    budget = Budget(10)
    assert budget.try_reserve(6)
    assert not budget.try_reserve(5)
    assert budget.try_reserve(4)
    budget.release(6)
    assert budget.reserved == 4


def test_misuse_is_an_error():
    with pytest.raises(ValueError, match="limit"):
        Budget(0)
    with pytest.raises(ValueError, match="release"):
        Budget(1).release(1)


def test_the_rate_tells_how_long_a_backlog_takes():
    rate = Rate()
    assert rate.seconds_for(100) is None
    rate.observe(50, 1.0)
    assert rate.seconds_for(100) == pytest.approx(2.0)


def test_the_rate_follows_the_newest_work():
    rate = Rate(memory=10)
    rate.observe(100, 1.0)
    for _ in range(100):
        rate.observe(10, 1.0)
    assert rate.seconds_for(10) == pytest.approx(1.0, rel=0.05)
