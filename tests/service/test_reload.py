"""New adapters come into a running service."""

import asyncio
import threading
from dataclasses import replace

import httpx
import pytest
from asgi_lifespan import LifespanManager

from service.app import create_app
from service.device.units_of_work import DescribeWork, unit_of
from service.settings import Settings
from tests.service.http.test_problems import PNG, check
from tools.fakes import FakeEngine, adapter, file_of, photo, picture_of, until

pytestmark = pytest.mark.anyio
ADMIN = {"X-API-Key": "operator"}


class Folder:
    """Gives the engines that are in it, one a load; or what it raises."""

    def __init__(self, *found):
        self.found = list(found)

    def __call__(self, _settings):
        one = self.found.pop(0)
        if isinstance(one, Exception):
            raise one
        return one


@pytest.fixture
def folder(monkeypatch):
    first, second = FakeEngine(), FakeEngine()
    second.adapters = (*second.adapters, adapter("snow"))
    folder = Folder(first, second)
    monkeypatch.setattr("service.app.load_engine", folder)
    return folder


@pytest.fixture
async def client(folder):
    app = create_app(Settings(admin_keys="operator", max_wait_ms=0))
    async with LifespanManager(app):
        await app.state.service.state.loaded.wait()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            client.service = app.state.service  # type: ignore[attr-defined]
            yield client


async def names(client):
    return [one["name"] for one in (await client.get("/adapters")).json()["adapters"]]


def restore(client, **params):
    return client.post("/restore", content=file_of(photo()), headers=PNG, params=params)


async def test_a_reload_takes_up_new_adapters(client):
    assert (await restore(client, adapters="snow:1")).status_code == 422
    answer = await client.post("/adapters/reload", headers=ADMIN)
    assert answer.status_code == 200
    assert [one["name"] for one in answer.json()["adapters"]] == ["noise", "rain", "haze", "snow"]
    assert await names(client) == ["noise", "rain", "haze", "snow"]
    assert (await restore(client, adapters="snow:1")).headers["restore-adapters"] == "snow=1.00"


async def test_what_was_begun_ends_with_the_engine_that_began_it(client, folder):
    first, (second,) = client.service.state.engine, folder.found
    first.gate.clear()
    calls = [asyncio.create_task(restore(client)) for _ in range(5)]
    await until(lambda: client.service.admission.in_flight == 5)
    reload = asyncio.create_task(client.post("/adapters/reload", headers=ADMIN))
    await until(lambda: not folder.found)
    first.gate.set()
    assert (await reload).status_code == 200
    late = await restore(client)
    for answer in [*await asyncio.gather(*calls), late]:
        assert answer.status_code == 200
        assert (picture_of(answer.content) == 255 - photo()).all()
    assert sum(count for kind, count in first.batches if kind == "restore") == 5
    assert sum(count for kind, count in second.batches if kind == "restore") == 1


async def test_engines_never_share_a_batch():
    old, new = FakeEngine(), FakeEngine()
    units = [unit_of(DescribeWork(engine, None)) for engine in (old, new, new)]
    assert units[0].batch_key != units[1].batch_key == units[2].batch_key


async def test_the_old_engine_serves_on_when_the_folder_cannot_be_used(client, folder):
    folder.found.insert(0, ValueError("adapters/snow does not fit this model; 3 missing"))
    problem = check(await client.post("/adapters/reload", headers=ADMIN), 409, "reload_failed")
    assert "3 missing" in problem["detail"]
    assert await names(client) == ["noise", "rain", "haze"]
    assert (await restore(client)).status_code == 200
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.post("/adapters/reload", headers=ADMIN)).status_code == 200


async def test_an_engine_that_does_not_run_is_not_taken(client, folder, monkeypatch):
    (second,) = folder.found

    def broken():
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(second, "warm_up", broken)
    check(await client.post("/adapters/reload", headers=ADMIN), 409, "reload_failed")
    assert await names(client) == ["noise", "rain", "haze"]


async def test_only_an_operators_key_reloads(client, serving, folder):
    check(await client.post("/adapters/reload"), 401, "key_missing")
    check(await client.post("/adapters/reload", headers={"X-API-Key": "x"}), 403, "key_unknown")
    assert len(folder.found) == 1
    async with serving() as other:
        problem = check(await other.post("/adapters/reload", headers=ADMIN), 403, "key_unknown")
        assert "ABAIR_ADMIN_KEYS" in problem["hint"]
    async with serving(api_keys="caller", admin_keys="operator") as other:
        shown = {"X-API-Key": "caller"}
        check(await other.post("/adapters/reload", headers=shown), 403, "key_unknown")
        assert (await other.get("/adapters", headers=ADMIN)).status_code == 200


async def test_a_service_that_ends_reloads_nothing(client, folder):
    client.service.state.drain()
    check(await client.post("/adapters/reload", headers=ADMIN), 503, "draining")
    assert len(folder.found) == 1


async def test_a_gpu_runs_batches_while_a_new_engine_warms_up(client, folder):
    first, (second,) = client.service.state.engine, folder.found
    steps, begun, go_on = [], threading.Event(), threading.Event()

    def warm_up(side):
        begun.set()
        assert go_on.wait(30)
        steps.append((side, len(first.batches)))

    second.info = replace(second.info, device="cuda")
    second.warm_up_sides, second.warm_up = (256, 128, 64), warm_up
    before = len(first.batches)
    reload = asyncio.create_task(client.post("/adapters/reload", headers=ADMIN))
    await until(begun.is_set)
    waiting = asyncio.create_task(restore(client))
    await until(lambda: client.service.state.batcher.busy_seconds)  # its batch has the thread next
    go_on.set()
    assert (await reload).status_code == (await waiting).status_code == 200
    assert [side for side, _ in steps] == [256, 128, 64]
    assert steps[0][1] == before < steps[2][1]  # the picture did not wait for all sizes
