"""nginx with the committed example: its traps are avoided."""

import asyncio
import signal

import numpy as np
import pytest

from tests.deploy.load import HEADERS, load, restore
from tools.fakes import file_of, picture_of
from tools.fleet.fleet import Fleet
from tools.fleet.processes import until

pytestmark = pytest.mark.anyio

IN_FLIGHT = "restore_requests_in_flight"


async def test_the_load_is_spread_and_a_killed_replica_loses_only_what_it_had(fleet: Fleet):
    doomed = fleet.replica("doomed", FAKE_SECONDS=0.05)
    fleet.replica("other", FAKE_SECONDS=0.05)
    await fleet.ready()
    balancer = await fleet.nginx()
    async with balancer.client() as client:
        before = await load(client, callers=6, requests=4)
        assert before.failed == []
        assert min(before.replicas[name] for name in ("doomed", "other")) >= 6
        killed = False

        async def kill() -> None:
            nonlocal killed
            doomed.end(signal.SIGKILL)
            await doomed.exit_code()
            killed = True

        killing = asyncio.create_task(kill())
        outcomes = await load(client, callers=6, requests=4, until=lambda: killed)
        await killing
        after = await load(client, callers=3, requests=3)
    # Each caller has one picture at a time, and a dying process takes connections for an instant.
    assert len(outcomes.failed) <= 2 * 6
    for answer in outcomes.failed:
        assert answer.status_code == 503
        assert answer.json()["code"] == "unavailable"
        assert answer.headers["retry-after"] == "5"
    assert after.replicas == {"other": 9}


async def test_a_rolling_restart_with_reloads_fails_nobody(fleet: Fleet):
    old = fleet.replica("old", FAKE_SECONDS=0.03)
    await fleet.ready()
    balancer = await fleet.nginx()
    finished = False

    async def roll() -> int:
        nonlocal finished
        fleet.replica("new", FAKE_SECONDS=0.03)
        await fleet.ready()
        fleet.forget(old)
        fleet.reload_nginx(balancer)
        old.end(signal.SIGTERM)
        code = await old.exit_code()
        finished = True
        return code

    async with balancer.client() as client:
        rolling = asyncio.create_task(roll())
        outcomes = await load(client, callers=4, requests=3, until=lambda: finished)
        assert await rolling == 0
    assert outcomes.failed == []
    assert set(outcomes.replicas) == {"old", "new"}


async def test_a_replicas_refusal_passes_and_does_not_take_it_out(fleet: Fleet, tmp_path):
    gate = tmp_path / "gate"
    replica = fleet.replica("only", FAKE_GATE=gate, ABAIR_QUEUE_REQUESTS=1)
    await fleet.ready()
    balancer = await fleet.nginx()

    async def at_work(count: int) -> bool:
        return await replica.metric(IN_FLIGHT) == count

    async with balancer.client() as client:
        first = asyncio.create_task(restore(client))
        await until(lambda: at_work(1), "a full replica")
        for _ in range(3):
            refused = await restore(client)
            assert (refused.status_code, refused.json()["code"]) == (503, "full")
            assert int(refused.headers["retry-after"]) >= 1
        first.cancel()
        await until(lambda: at_work(0), "the place of who hung up is free")
        gate.touch()
        assert (await restore(client)).status_code == 200


async def test_large_pictures_pass_and_larger_ones_are_told(fleet: Fleet):
    limit = 40 * 2**20
    fleet.replica("only", ABAIR_MAX_BODY_BYTES=limit)
    await fleet.ready()
    balancer = await fleet.nginx(ABAIR_MAX_BODY_BYTES=limit)
    data = file_of(np.full((3000, 4000, 3), 200, np.uint8), "BMP")
    kind = {"Content-Type": "image/bmp"}
    async with balancer.client() as client:
        answer = await client.post("/restore?format=jpeg", content=data, headers=kind)
        refused = await client.post("/restore", content=bytes(limit + 1), headers=HEADERS)
        hidden = [await client.get("/metrics"), await client.post("/adapters/reload")]
    assert answer.status_code == 200
    assert picture_of(answer.content).shape == (3000, 4000, 3)
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    assert [answer.status_code for answer in hidden] == [404, 404]
    assert {answer.json()["detail"] for answer in hidden} == {"not served here"}
