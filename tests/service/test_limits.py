"""Limits of time and of keys, through HTTP."""

import asyncio
import hashlib
import time

import pytest

from service.admission.picture_request import Caller
from service.errors import DeadlineExceededError
from service.options import RestoreOptions
from tests.service.http.test_problems import PNG, check
from tools.fakes import file_of, photo, until

pytestmark = pytest.mark.anyio


def call(client, pixels=None, **headers):
    content = file_of(photo() if pixels is None else pixels)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.create_task(client.post("/restore", content=content, headers={**PNG, **headers}))


async def test_what_waits_beyond_its_callers_patience_is_dropped_without_running(serving, engine):
    async with serving() as client:
        engine.gate.clear()
        first = call(client)
        await until(lambda: client.service.state.batcher.busy_seconds)
        late = call(client, x_request_timeout="0.1")
        check(await late, 504, "deadline_exceeded")
        assert client.service.state.batcher.queued_units == 0
        engine.gate.set()
        assert (await first).status_code == 200
        assert engine.batches.count(("describe", 1)) == 1


async def test_the_batcher_knows_the_deadline(serving, engine, monkeypatch):
    """Even a caller whose timer is late is not served late: the unit is dropped at dequeue."""
    async with serving() as client:
        batcher = client.service.state.batcher
        told, submit = [], batcher.submit

        async def remember(unit, *, deadline=None):
            told.append(deadline - time.monotonic())
            return await submit(unit, deadline=deadline)

        monkeypatch.setattr(batcher, "submit", remember)
        assert (await call(client, photo(70, 90), x_request_timeout="20")).status_code == 200
    assert len(told) == 1 + 4
    assert all(10 < left <= 20 for left in told)


async def test_what_cannot_be_done_in_time_is_refused_at_once(serving, engine):
    async with serving() as client:
        admission = client.service.admission
        admission.rate.observe(2**16, 3.0)
        check(await call(client, x_request_timeout="2.9"), 504, "deadline_exceeded")
        assert engine.batches == []
        engine.gate.clear()
        first = call(client, photo(256, 256))
        await until(lambda: admission.in_flight)
        answer = await call(client, x_request_timeout="4")
        check(answer, 503, "full")
        assert answer.headers["retry-after"] == "3"  # 3 + 3 - almost 4
        engine.gate.set()
        assert (await first).status_code == 200


@pytest.mark.parametrize("wish", ["soon", "0", "-1", "nan"])
async def test_a_senseless_patience_is_told(serving, wish):
    async with serving() as client:
        check(await call(client, x_request_timeout=wish), 400, "invalid_header")


async def test_nobody_may_wait_longer_than_the_operator_says(serving, engine):
    async with serving(deadline_seconds=0.1) as client:
        engine.gate.clear()
        check(await call(client, x_request_timeout="60"), 504, "deadline_exceeded")


async def test_a_picture_whose_time_passed_in_the_queue_is_told(serving, engine):
    async with serving() as client:
        engine.gate.clear()
        first = call(client)
        await until(lambda: client.service.state.batcher.busy_seconds)
        caller = Caller(deadline=time.monotonic() + 0.05)
        late = client.service.state.pipeline().restore(file_of(photo()), RestoreOptions(), caller)
        with pytest.raises(DeadlineExceededError):
            await late
        engine.gate.set()
        assert (await first).status_code == 200


@pytest.mark.parametrize("limit", [{"key_requests": 2}, {"key_pixels": 6000, "max_pixels": 6000}])
async def test_a_key_with_too_much_at_once_is_told_while_others_are_served(serving, engine, limit):
    async with serving(api_keys="first,second", **limit) as client:
        engine.gate.clear()
        waiting = [call(client, x_api_key="first") for _ in range(2)]
        await until(lambda: client.service.admission.in_flight == 2)
        answer = await call(client, x_api_key="first")
        check(answer, 429, "key_limit")
        assert int(answer.headers["retry-after"]) >= 1
        other = call(client, x_api_key="second")
        await until(lambda: client.service.admission.in_flight == 3)
        engine.gate.set()
        for task in (*waiting, other):
            assert (await task).status_code == 200
        assert (await call(client, x_api_key="first")).status_code == 200


async def test_a_key_counts_from_before_its_body_is_read(serving):
    async with serving(api_keys="first", key_requests=1) as client:
        with client.service.admission.request(Caller(key=owner_of("first"))):
            check(await call(client, x_api_key="first"), 429, "key_limit")
            assert client.service.admission.bytes.reserved == 0


def owner_of(key):
    return hashlib.sha256(key.encode()).hexdigest()[:12]


async def test_a_full_queue_of_units_is_told(serving, engine):
    async with serving(queue_units=1) as client:
        engine.gate.clear()
        first = call(client)
        await until(lambda: client.service.state.batcher.busy_seconds)
        second = call(client)
        await until(lambda: client.service.state.batcher.queued_units)
        check(await call(client), 503, "full")
        engine.gate.set()
        assert (await first).status_code == (await second).status_code == 200


async def test_the_rate_is_that_of_the_device_and_a_small_picture_among_large_hides_nothing(
    serving, engine
):
    engine.delay = 0.02
    async with serving(max_batch_items=1) as client:
        rate = client.service.admission.rate
        large = call(client, photo(64 * 12, 64))
        await until(lambda: ("restore", 1) in engine.batches)
        assert (await call(client, photo(16, 16))).status_code == 200
        assert rate.seconds_for(2**16) < 1.0  # not the time since the last answer
        assert (await large).status_code == 200
