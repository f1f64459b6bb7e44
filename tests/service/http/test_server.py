"""The real server in a process of its own: how it ends."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest

from tools.fakes import file_of, photo, picture_of

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys, time
from service.app import serve
from service.settings import Settings
from service.device.engine import EngineFatalError
from tools.fakes import FakeEngine

class SlowEngine(FakeEngine):
    def restore(self, tasks):
        time.sleep({delay})
        return super().restore(tasks)

class BrokenEngine(FakeEngine):
    def warm_up(self, side):
        raise RuntimeError("no weights")

class FatalEngine(FakeEngine):
    def restore(self, tasks):
        raise EngineFatalError("the card fell off the bus")

settings = Settings(port={port}, max_batch_items=1, linger_seconds={linger},
    grace_seconds={grace})
sys.exit(serve(settings, {engine}()))
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start():
    """Start a server; returns its process and address."""
    processes = []

    def launch(*, delay=0.02, linger=0.1, grace=20.0, engine="SlowEngine", port=None):
        port = port or free_port()
        program = PROGRAM.format(port=port, delay=delay, linger=linger, grace=grace, engine=engine)
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process, f"http://127.0.0.1:{port}"

    yield launch
    for process in processes:
        process.kill()
        process.communicate()


async def ready(client):
    for _ in range(400):
        try:
            if (await client.get("/readyz")).status_code == 200:
                return
        except httpx.ConnectError:
            pass
        await asyncio.sleep(0.05)
    raise AssertionError("the server never became ready")


async def finish(process):
    """Wait for the process; return its exit code and log."""
    _, log = await asyncio.to_thread(process.communicate, timeout=30)
    return process.returncode, log


async def test_sigterm_under_load_loses_nothing(start):
    process, url = start(delay=0.04)
    degraded = photo()
    data, headers = file_of(degraded), {"Content-Type": "image/png"}
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client:
        await ready(client)

        async def call():
            answer = await client.post("/restore", content=data, headers=headers)
            if answer.status_code == 200:
                np.testing.assert_array_equal(picture_of(answer.content), 255 - degraded)
            return answer

        before = [asyncio.create_task(call()) for _ in range(40)]
        await all_accepted(client, 40)
        process.send_signal(signal.SIGTERM)
        early = await asyncio.gather(*before)
    code, log = await finish(process)
    assert [answer.text for answer in early if answer.status_code != 200] == []
    assert code == 0, log
    assert '"event": "draining"' in log


async def test_sigterm_turns_not_ready_first_then_refuses_and_finishes_uploads_begun(start):
    process, url = start(linger=3.0)
    data, headers = file_of(photo()), {"Content-Type": "image/png"}
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        await ready(client)
        more, begun = asyncio.Event(), asyncio.Event()

        async def slowly():
            yield data[:100]
            begun.set()
            await more.wait()
            yield data[100:]

        upload = asyncio.create_task(client.post("/restore", content=slowly(), headers=headers))
        await begun.wait()
        process.send_signal(signal.SIGTERM)
        await until_not_ready(client)
        served = await client.post("/restore", content=data, headers=headers)
        assert served.status_code == 200
        refused = await until_refused(client, content=data, headers=headers)
        assert refused.json()["code"] == "draining"
        assert int(refused.headers["retry-after"]) >= 1
        await asyncio.sleep(0.5)
        async with httpx.AsyncClient(base_url=url, timeout=30) as newcomer:  # is answered still
            assert (await newcomer.post("/restore", content=data)).status_code == 503
        more.set()
        assert (await upload).status_code == 200
    code, log = await finish(process)
    assert code == 0, log


async def all_accepted(client, count):
    for _ in range(400):
        text = (await client.get("/metrics")).text
        found = re.findall(
            r'(?:_in_flight|_total{endpoint="/restore",status="200"}) ([\d.]+)', text
        )
        if sum(float(number) for number in found) >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("they were never accepted")


async def until_not_ready(client):
    for _ in range(400):
        if (await client.get("/readyz")).status_code == 503:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never turned not ready")


async def until_refused(client, **request):
    for _ in range(400):
        answer = await client.post("/restore", **request)
        if answer.status_code == 503:
            return answer
        await asyncio.sleep(0.05)
    raise AssertionError("it never refused")


async def test_what_outlasts_the_grace_time_is_told_and_shown(start):
    process, url = start(delay=3.0, grace=0.2)
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        await ready(client)
        headers = {"Content-Type": "image/png"}
        calls = [
            asyncio.create_task(client.post("/restore", content=file_of(photo()), headers=headers))
            for _ in range(3)
        ]
        await asyncio.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        answers = await asyncio.gather(*calls)
    assert [answer.json()["code"] for answer in answers] == ["draining"] * 3
    code, log = await finish(process)
    assert code == 1
    assert "grace" in log


async def test_a_model_that_cannot_be_loaded_ends_the_process(start):
    process, _ = start(engine="BrokenEngine")
    code, log = await finish(process)
    assert code == 1
    assert "no weights" in log


async def test_a_device_that_is_lost_is_told_and_ends_the_process(start):
    process, url = start(engine="FatalEngine")
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        await ready(client)
        answer = await client.post(
            "/restore", content=file_of(photo()), headers={"Content-Type": "image/png"}
        )
    assert (answer.status_code, answer.json()["code"]) == (503, "unhealthy")
    code, log = await finish(process)
    assert code == 1
    assert "the service is broken" in log


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="the system has no SIGHUP")
async def test_sighup_reloads_and_loses_nothing(start):
    process, url = start(delay=0.04)
    data, headers = file_of(photo()), {"Content-Type": "image/png"}
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        await ready(client)
        calls = [
            asyncio.create_task(client.post("/restore", content=data, headers=headers))
            for _ in range(10)
        ]
        await all_accepted(client, 10)
        process.send_signal(signal.SIGHUP)
        assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
    process.send_signal(signal.SIGTERM)
    code, log = await finish(process)
    assert code == 0
    assert '"event": "reloaded"' in log


async def test_a_taken_port_ends_the_process(start):
    first, url = start()
    async with httpx.AsyncClient(base_url=url) as client:
        await ready(client)
    port = int(url.rpartition(":")[2])
    second, _ = start(port=port)
    code, log = await finish(second)
    assert code == 1
    assert "address already in use" in log
    assert "take another --port" in log
    first.send_signal(signal.SIGINT)
    assert (await finish(first))[0] == 0


async def test_a_body_too_large_is_told_while_it_is_sent(start):
    process, url = start()
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        await ready(client)
        answer = await client.post(
            "/restore", content=bytes(80 * 2**20), headers={"Content-Type": "image/png"}
        )
        assert answer.json()["code"] == "body_too_large"
        assert (await client.get("/healthz")).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert (await finish(process))[0] == 0
