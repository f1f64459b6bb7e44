import pytest

from service.batching.worker_threads import ThreadLease, WorkerThreads
from service.concurrency.serial_thread import SerialThread


@pytest.fixture
def threads():
    made = [SerialThread(f"device-{number}") for number in range(4)]
    yield made
    for thread in made:
        thread.stop()


def test_a_batch_that_is_alone_gets_every_free_thread(threads):
    workers = WorkerThreads(threads, lambda: 0.0)
    assert len(workers.lease(1).threads) == 4
    assert workers.free == 0


@pytest.mark.parametrize(("waiting", "counts"), [(2, [2, 2]), (3, [1, 1, 2]), (9, [1, 1, 1, 1])])
def test_waiting_units_share_the_free_threads(threads, waiting, counts):
    workers = WorkerThreads(threads, lambda: 0.0)
    leases: list[ThreadLease] = []
    while workers.free:
        leases.append(workers.lease(waiting - len(leases)))
    assert [len(lease.threads) for lease in leases] == counts
    assert {thread for lease in leases for thread in lease.threads} == set(threads)


def test_threads_come_back_and_the_first_is_leased_first(threads):
    now = 0.0
    workers = WorkerThreads(threads[:2], lambda: now)
    first, second = workers.lease(2), workers.lease(1)
    now = 1.0
    workers.give_back(second)
    now = 2.0
    workers.give_back(first)
    assert workers.freed_at == 1.0
    assert list(workers.lease(2).threads) == list(first.threads)
    assert first.threads[0] is threads[0]
    assert first.share == second.share == 0.5


def test_the_device_has_been_busy_since_the_oldest_running_batch(threads):
    now = 5.0
    workers = WorkerThreads(threads[:2], lambda: now)
    assert workers.busy_seconds == 0
    oldest = workers.lease(2)
    now = 6.0
    workers.lease(1)
    now = 8.0
    assert workers.busy_seconds == 3
    workers.give_back(oldest)
    assert workers.busy_seconds == 2


def test_a_device_without_threads_is_refused():
    with pytest.raises(ValueError, match="at least one thread"):
        WorkerThreads([], lambda: 0.0)
