"""HAProxy with the committed configuration: nothing is lost but what must be."""

import asyncio
import signal

import httpx
import pytest

from tests.deploy.load import load, restore
from tools.fleet.fleet import Fleet
from tools.fleet.processes import until

pytestmark = pytest.mark.anyio

GONE = 'restore_requests_total{endpoint="/restore",status="499"}'
IN_FLIGHT = "restore_requests_in_flight"
SESSIONS = 'haproxy_backend_current_sessions{proxy="pictures"}'
QUEUED = 'haproxy_backend_current_queue{proxy="pictures"}'


def check_told_to_come_again(answer: httpx.Response, code: str) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["request_id"]
    assert int(answer.headers["retry-after"]) >= 1


async def test_the_load_is_spread(fleet: Fleet):
    for name in "abc":
        fleet.replica(name, FAKE_SECONDS=0.05)
    balancer = await fleet.haproxy(ABAIR_MAXCONN=2)
    await fleet.ready()
    await balancer.sees(3)
    async with balancer.client() as client:
        outcomes = await load(client, callers=12, requests=5)
    assert outcomes.failed == []
    assert sorted(outcomes.replicas) == ["a", "b", "c"]
    assert min(outcomes.replicas.values()) >= 10


async def test_a_slow_replica_is_sent_less_and_nobody_is_refused(fleet: Fleet):
    fleet.replica("slow", FAKE_SECONDS=1)
    fleet.replica("quick")
    balancer = await fleet.haproxy(ABAIR_MAXCONN=1)
    await fleet.ready()
    await balancer.sees(2)
    async with balancer.client() as client:
        outcomes = await load(client, callers=8, requests=5)
    assert outcomes.failed == []
    assert outcomes.replicas["quick"] > outcomes.replicas["slow"] > 0


async def test_a_replica_that_is_killed_loses_what_it_had_and_nothing_else(fleet: Fleet):
    maxconn = 3
    doomed = fleet.replica("doomed", FAKE_SECONDS=0.1)
    fleet.replica("other", FAKE_SECONDS=0.02)
    # Checks too rare to help: what is lost must not depend on them.
    balancer = await fleet.haproxy(ABAIR_MAXCONN=maxconn, ABAIR_CHECK_INTERVAL="4s")
    await fleet.ready()
    await balancer.sees(2)
    killed = False

    async def kill() -> None:
        async def working() -> bool:
            return await doomed.metric(IN_FLIGHT) > 0

        nonlocal killed
        await until(working, "pictures at the replica")
        doomed.end(signal.SIGKILL)
        await doomed.exit_code()
        await balancer.sees(1)  # while callers go on; its address stays known
        killed = True

    async with balancer.client() as client:
        killing = asyncio.create_task(kill())
        outcomes = await load(client, callers=10, requests=6, until=lambda: killed)
        await killing
        after = await load(client, callers=4, requests=3)
    # Those it had, and once more as many: a dying process still takes connections for an instant.
    assert len(outcomes.failed) <= 2 * maxconn
    for answer in outcomes.failed:
        assert answer.status_code in (502, 503)
        assert answer.json()["code"] in ("replica_lost", "unavailable")
        assert answer.json()["hint"]
    assert after.statuses == {200: 12}
    assert after.replicas == {"other": 12}


async def test_a_picture_that_brings_its_replica_down_does_not_visit_the_next(fleet: Fleet):
    for name in "abc":
        fleet.replica(name, FAKE_CRASH=1)
    balancer = await fleet.haproxy()
    await fleet.ready()
    await balancer.sees(3)
    async with balancer.client() as client:
        answer = await restore(client)
    assert (answer.status_code, answer.json()["code"]) == (502, "replica_lost")
    await balancer.sees(2)
    assert len([one for one in fleet.replicas if one.popen.poll() is not None]) == 1


async def test_a_rolling_restart_under_load_fails_nobody(fleet: Fleet):
    old = [fleet.replica(f"old-{i}", FAKE_SECONDS=0.03) for i in range(2)]
    balancer = await fleet.haproxy(ABAIR_MAXCONN=4)
    await fleet.ready()
    await balancer.sees(2)
    finished = False

    async def roll() -> list[int]:
        nonlocal finished
        codes = []
        for index, replica in enumerate(old):
            # Its address is told once it is ready, as Kubernetes does. HAProxy before 3.1 takes a
            # new address for ready until its first check.
            new = fleet.replica(f"new-{index}", FAKE_SECONDS=0.03)
            fleet.forget(new)
            await until(new.is_ready, "a new replica")
            fleet.replicas.append(new)
            replica.end(signal.SIGTERM)
            codes.append(await replica.exit_code())
            fleet.forget(replica)
        finished = True
        return codes

    async with balancer.client() as client:
        rolling = asyncio.create_task(roll())
        outcomes = await load(client, callers=6, requests=5, until=lambda: finished)
        assert await rolling == [0, 0]
        await balancer.sees(2)
        after = await load(client, callers=4, requests=3)
    assert outcomes.failed == []
    assert set(outcomes.replicas) == {"old-0", "old-1", "new-0", "new-1"}
    assert after.failed == []
    assert set(after.replicas) == {"new-0", "new-1"}


async def test_a_full_replicas_own_refusal_reaches_the_caller(fleet: Fleet, tmp_path):
    gate = tmp_path / "gate"
    replica = fleet.replica("only", FAKE_GATE=gate, ABAIR_QUEUE_REQUESTS=1)
    balancer = await fleet.haproxy()
    await fleet.ready()
    await balancer.sees(1)

    async def full() -> bool:
        return await replica.metric(IN_FLIGHT) == 1

    async with balancer.client() as client:
        first = asyncio.create_task(restore(client))
        await until(full, "a full replica")
        check_told_to_come_again(await restore(client), "full")
        gate.touch()
        assert (await first).status_code == 200


async def test_a_full_fleet_refuses_at_the_balancer(fleet: Fleet, tmp_path):
    gate = tmp_path / "gate"
    for name in "ab":
        fleet.replica(name, FAKE_GATE=gate)
    balancer = await fleet.haproxy(ABAIR_MAXCONN=1, ABAIR_QUEUE=2)
    await fleet.ready()
    await balancer.sees(2)

    async def full() -> bool:
        return await balancer.metric(QUEUED) == 2

    async with balancer.client() as client:
        served = [asyncio.create_task(restore(client)) for _ in range(4)]
        await until(full, "two at work, two waiting")
        check_told_to_come_again(await restore(client), "unavailable")
        assert (await client.get("/adapters")).status_code == 200  # not behind the pictures
        gate.touch()
        assert [answer.status_code for answer in await asyncio.gather(*served)] == [200] * 4


async def test_a_fleet_of_none_is_told(fleet: Fleet):
    balancer = await fleet.haproxy()
    async with balancer.client() as client:
        check_told_to_come_again(await restore(client), "unavailable")
        ready = await client.get(f"{balancer.metrics_url}/readyz")
    assert ready.status_code == 503


async def test_a_caller_who_hangs_up_frees_the_place(fleet: Fleet, tmp_path):
    gate = tmp_path / "gate"
    replica = fleet.replica("only", FAKE_GATE=gate)
    balancer = await fleet.haproxy(ABAIR_MAXCONN=1)
    await fleet.ready()
    await balancer.sees(1)

    async def at_work(count: int) -> bool:
        return await replica.metric(IN_FLIGHT) == count

    async with balancer.client() as client:
        impatient = asyncio.create_task(restore(client))
        await until(lambda: at_work(1), "a picture at work")
        impatient.cancel()
        await until(lambda: at_work(0), "the place in the replica is free")
        gate.touch()
        assert (await restore(client)).status_code == 200
    assert await replica.metric(GONE) == 1


async def test_who_hung_up_while_waiting_costs_no_work(fleet: Fleet, tmp_path):
    gate = tmp_path / "gate"
    replica = fleet.replica("only", FAKE_GATE=gate)
    balancer = await fleet.haproxy(ABAIR_MAXCONN=1)
    await fleet.ready()
    await balancer.sees(1)

    async def waiting() -> bool:
        return await balancer.metric(QUEUED) == 3

    async def gone() -> bool:
        return await balancer.metric(SESSIONS) == 0

    async with balancer.client() as client:
        first = asyncio.create_task(restore(client))
        queued = [asyncio.create_task(restore(client)) for _ in range(3)]
        await until(waiting, "three pictures waiting")
        for one in (first, *queued):
            one.cancel()
        await until(gone, "nobody at the balancer")
        gate.touch()
        assert (await restore(client)).status_code == 200
    assert await replica.metric('restore_requests_total{endpoint="/restore",status="200"}') == 1
