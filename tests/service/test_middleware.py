import asyncio
import re

import pytest
import structlog

from service.middleware import KeyCheck, RequestContext
from tests.service.fakes import file_of, photo

pytestmark = pytest.mark.anyio


async def test_a_request_gets_an_id_or_keeps_its_own(serving):
    async with serving() as client:
        made = (await client.get("/healthz")).headers["x-request-id"]
        kept = (await client.get("/healthz", headers={"X-Request-Id": "a-1_b.c"})).headers
        refused = (await client.get("/healthz", headers={"X-Request-Id": "x y\tz" * 40})).headers
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert kept["x-request-id"] == "a-1_b.c"
    assert re.fullmatch("[0-9a-f]{32}", refused["x-request-id"])


async def test_every_request_is_logged_once_without_its_picture(serving):
    async with serving() as client:
        with structlog.testing.capture_logs(
            processors=[structlog.contextvars.merge_contextvars]
        ) as lines:
            await client.post("/restore", content=b"secret", headers={"Content-Type": "image/png"})
    assert [line["event"] for line in lines] == ["request"]
    assert lines[0]["status"] == 415
    assert lines[0]["path"] == "/restore"
    assert lines[0]["request_id"]
    assert "secret" not in str(lines)


async def test_unknown_paths_share_one_label(serving):
    async with serving() as client:
        for number in range(3):
            await client.get(f"/{number}")
        labels = {"endpoint": "other", "status": "404"}
        assert client.lifecycle.registry.get_sample_value("restore_requests_total", labels) == 3


async def test_other_protocols_pass_through():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    async def unused(*_):
        raise AssertionError("nothing to receive or send")

    await RequestContext(KeyCheck(app, ["key"]))({"type": "lifespan"}, unused, unused)
    assert seen == ["lifespan"]


async def test_the_loop_stays_free_while_the_device_works(serving, engine):
    async with serving() as client:
        engine.gate.clear()
        headers = {"Content-Type": "image/png"}
        waiting = asyncio.create_task(
            client.post("/restore", content=file_of(photo()), headers=headers)
        )
        for _ in range(20):
            assert (await client.get("/healthz")).status_code == 200
        assert not waiting.done()
        engine.gate.set()
        assert (await waiting).status_code == 200
