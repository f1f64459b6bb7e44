import base64
import re

import pytest
import structlog

from service.http.api_keys import KeyCheck
from service.http.request_context import RequestContext
from tools.fakes import file_of, photo

pytestmark = pytest.mark.anyio


async def test_a_request_gets_an_id_or_keeps_its_own(serving):
    async with serving() as client:
        made = (await client.get("/healthz")).headers["x-request-id"]
        kept = (await client.get("/healthz", headers={"X-Request-Id": "a-1_b.c"})).headers
        refused = (await client.get("/healthz", headers={"X-Request-Id": "x y\tz" * 40})).headers
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert kept["x-request-id"] == "a-1_b.c"
    assert re.fullmatch("[0-9a-f]{32}", refused["x-request-id"])


def shows(text, data):
    """Return whether ``text`` shows a piece of ``data`` as bytes, in hex, or in base64."""
    pieces = (data[start : start + 12] for start in range(len(data) - 12))
    return any(
        form in text
        for piece in pieces
        for form in (repr(piece)[2:-1], piece.hex(), base64.b64encode(piece).decode())
    )


async def test_every_request_is_logged_once_without_its_picture(serving, engine):
    failing = photo()
    failing[0, 0, 0] = 7
    engine.faults = {7: ValueError("bad")}
    calls = [
        ("/restore", b"secret words", 415),
        ("/restore", file_of(photo()), 200),
        ("/degradation-map", file_of(photo()), 200),
        ("/restore", file_of(failing), 500),
    ]
    accept = {"Content-Type": "image/png", "Accept": "image/png"}
    merge, tell = structlog.contextvars.merge_contextvars, structlog.processors.format_exc_info
    async with serving() as client:
        with structlog.testing.capture_logs(processors=[merge, tell]) as lines:
            answers = [
                await client.post(path, content=body, headers=accept) for path, body, _ in calls
            ]
    assert [line["event"] for line in lines] == ["request"] * 3 + ["engine failed", "request"]
    requests = [line for line in lines if line["event"] == "request"]
    for line, answer, (path, body, status) in zip(requests, answers, calls, strict=True):
        assert set(line) == {
            "event", "log_level", "method", "path", "status", "seconds", "client", "request_id",
        }  # fmt: skip
        assert (line["path"], line["status"], answer.status_code) == (path, status, status)
        assert line["request_id"] == answer.headers["x-request-id"]
        assert not shows(str(lines), body)
        assert status != 200 or not shows(str(lines), answer.content)
    assert lines[3]["request_id"] == answers[3].headers["x-request-id"]
    assert not shows(str(lines), photo().tobytes())


async def test_unknown_paths_share_one_label(serving):
    async with serving() as client:
        for number in range(3):
            await client.get(f"/{number}")
        labels = {"endpoint": "other", "status": "404"}
        assert (
            client.service.metrics.registry.get_sample_value("restore_requests_total", labels) == 3
        )


@pytest.mark.parametrize(
    ("method", "path", "label", "status"),
    [
        ("POST", "/restore", "/restore", 401),  # refused before routing
        ("GET", "/restore", "/restore", 401),
        ("GET", "/page/base.css", "/page/", 200),
        ("GET", "/nothing", "other", 401),
        ("POST", "/healthz", "/healthz", 405),
    ],
)
async def test_the_label_is_the_path_of_the_route(serving, method, path, label, status):
    async with serving(api_keys="one") as client:
        assert (await client.request(method, path)).status_code == status
        labels = {"endpoint": label, "status": str(status)}
        assert client.service.metrics.registry.get_sample_value("restore_requests_total", labels)


async def test_other_protocols_pass_through():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    async def unused(*_):
        raise AssertionError("nothing to receive or send")

    await RequestContext(KeyCheck(app, ["key"]))({"type": "lifespan"}, unused, unused)
    assert seen == ["lifespan"]
