import pytest

from service.batching.worker_threads import Lanes, Lease
from service.concurrency.serial_thread import SerialThread


@pytest.fixture
def threads():
    lanes = [SerialThread(f"lane-{number}") for number in range(4)]
    yield lanes
    for lane in lanes:
        lane.stop()


def test_what_is_alone_gets_every_free_lane(threads):
    lanes = Lanes(threads, lambda: 0.0)
    assert len(lanes.grant(1).threads) == 4
    assert lanes.free == 0


@pytest.mark.parametrize(("waiting", "granted"), [(2, [2, 2]), (3, [1, 1, 2]), (9, [1, 1, 1, 1])])
def test_what_waits_shares_the_free_lanes(threads, waiting, granted):
    lanes = Lanes(threads, lambda: 0.0)
    leases: list[Lease] = []
    while lanes.free:
        leases.append(lanes.grant(waiting - len(leases)))
    assert [len(lease.threads) for lease in leases] == granted
    assert {thread for lease in leases for thread in lease.threads} == set(threads)


def test_lanes_come_back_and_the_first_goes_first(threads):
    now = 0.0
    lanes = Lanes(threads[:2], lambda: now)
    first, second = lanes.grant(2), lanes.grant(1)
    now = 1.0
    lanes.give_back(second)
    now = 2.0
    lanes.give_back(first)
    assert lanes.freed_at == 1.0
    assert list(lanes.grant(2).threads) == list(first.threads)
    assert first.threads[0] is threads[0]
    assert first.share == second.share == 0.5


def test_it_has_been_busy_since_the_oldest_batch_that_runs(threads):
    now = 5.0
    lanes = Lanes(threads[:2], lambda: now)
    assert lanes.busy_seconds == 0
    oldest = lanes.grant(2)
    now = 6.0
    lanes.grant(1)
    now = 8.0
    assert lanes.busy_seconds == 3
    lanes.give_back(oldest)
    assert lanes.busy_seconds == 2


def test_a_device_without_threads_is_refused():
    with pytest.raises(ValueError, match="at least one thread"):
        Lanes([], lambda: 0.0)
