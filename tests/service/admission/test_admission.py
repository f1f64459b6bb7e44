import asyncio

import pytest
from prometheus_client import CollectorRegistry

from service.admission.admission import LEAST_PIXELS, Admission
from service.admission.picture_request import Caller
from service.errors import CostlyImageError, DeadlineExceededError, FullError, KeyLimitError
from service.observability.metrics import ServiceMetrics
from service.settings import Settings

pytestmark = pytest.mark.anyio
MEGA = 10**6
ANYBODY = Caller()


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def admission(clock):
    return make(clock)


def make(clock, **given):
    settings = Settings(queue_pixels=20 * MEGA, max_pixels=10 * MEGA, **given)
    return Admission(settings, ServiceMetrics(CollectorRegistry()), clock)


async def test_retry_after_is_until_the_picture_would_fit(admission, clock):
    admission.batch_ran(2 * MEGA, 8.0)  # four seconds a megapixel
    with (
        admission.place(10 * MEGA, ANYBODY),
        admission.place(9 * MEGA, ANYBODY),
        pytest.raises(FullError) as refused,
        admission.place(6 * MEGA, ANYBODY),
    ):
        pass
    assert refused.value.headers["Retry-After"] == "20"
    assert admission.pixels.reserved == 0


async def test_tiny_pictures_do_not_make_large_ones_seem_slow(admission, clock):
    for _ in range(50):
        admission.batch_ran(16 * 16, 0.02)
    expected = 0.02 * MEGA / LEAST_PIXELS
    assert admission.rate.seconds_for(MEGA) == pytest.approx(expected)


async def test_what_cannot_be_done_in_time_is_refused(admission, clock):
    admission.batch_ran(MEGA, 1.0)
    hasty = Caller(deadline=clock.now + 3.5)
    with pytest.raises(DeadlineExceededError, match=r"4\.0 s, but 3\.5 s"):
        admission.place(4 * MEGA, hasty).__enter__()
    with admission.place(3 * MEGA, hasty):
        with pytest.raises(FullError) as refused:
            admission.place(2 * MEGA, hasty).__enter__()
        assert refused.value.headers["Retry-After"] == "2"
        with admission.place(2 * MEGA, ANYBODY):
            assert admission.in_flight == 2
    assert admission.in_flight == 0


async def test_nothing_is_refused_for_time_before_anything_was_measured(admission, clock):
    with admission.place(10 * MEGA, Caller(deadline=clock.now + 0.1)):
        assert admission.in_flight == 1


async def test_a_key_has_its_own_limits(clock):
    admission = make(clock, api_keys="a,b", key_requests=2, key_pixels=10 * MEGA)
    admission.batch_ran(MEGA, 1.0)
    mine, yours = Caller(key="mine"), Caller(key="yours")
    with admission.request(mine), admission.place(7 * MEGA, mine):
        with pytest.raises(KeyLimitError) as refused:
            admission.place(6 * MEGA, mine).__enter__()
        assert refused.value.headers["Retry-After"] == "3"
        with admission.request(mine):
            with pytest.raises(KeyLimitError):
                admission.request(mine).__enter__()
            with admission.request(yours), admission.place(7 * MEGA, yours):
                assert admission.in_flight == 2
    with admission.request(mine), admission.place(10 * MEGA, mine):
        assert admission.in_flight == 1
    assert not admission._key_pixels
    assert not admission._key_requests


async def test_memory_is_reserved_and_what_does_not_fit_is_refused(clock):
    admission = make(clock, queue_memory_bytes=100 * 2**20)
    admission.batch_ran(MEGA, 1.0)
    with admission.place(MEGA, ANYBODY, memory=60 * 2**20):
        assert admission.memory.reserved == 60 * 2**20
        with pytest.raises(FullError, match="60 MiB") as refused:
            admission.place(MEGA, ANYBODY, memory=70 * 2**20).__enter__()
        assert int(refused.value.headers["Retry-After"]) >= 1
        with pytest.raises(CostlyImageError, match="101 MiB"):
            admission.place(MEGA, ANYBODY, memory=101 * 2**20).__enter__()
    assert admission.memory.reserved == admission.pixels.reserved == admission.in_flight == 0


async def test_what_was_counted_stays_counted_until_its_work_has_ended(clock):
    admission = make(clock, api_keys="one", key_requests=1)
    caller, work = Caller(key="one"), asyncio.get_running_loop().create_future()
    caller.ongoing.add(work)
    with admission.request(caller), admission.place(MEGA, caller, memory=5):
        pass
    assert (admission.in_flight, admission.pixels.reserved) == (1, MEGA)
    with pytest.raises(KeyLimitError):
        admission.request(Caller(key="one")).__enter__()
    work.set_result(None)
    await asyncio.sleep(0)
    assert (admission.in_flight, admission.pixels.reserved, admission.memory.reserved) == (0, 0, 0)
    with admission.request(Caller(key="one")):
        pass
