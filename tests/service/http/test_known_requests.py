"""HEAD, slashes at the end of a path, and durations in words."""

import pytest

from service.http.durations import seconds_of
from tools.fakes import file_of, photo

pytestmark = pytest.mark.anyio
PNG = {"Content-Type": "image/png"}
GETS = ["/", "/docs", "/healthz", "/readyz", "/metrics", "/adapters", "/openapi.json"]


@pytest.mark.parametrize("path", GETS)
async def test_head_answers_as_get_does_but_without_a_body(serving, path):
    async with serving() as client:
        got, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers.get("etag") == got.headers.get("etag")
    assert int(head.headers["content-length"]) > 0


async def test_head_is_refused_where_get_is(serving):
    async with serving() as client:
        answer = await client.head("/restore")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_head_needs_a_key_like_get(serving):
    async with serving(api_keys="one") as client:
        assert (await client.head("/adapters")).status_code == 401


@pytest.mark.parametrize("path", ["/restore/", "/degradation-map/"])
async def test_a_slash_at_the_end_is_left_out_without_a_redirect(serving, path):
    async with serving() as client:
        answer = await client.post(path, content=file_of(photo()), headers=PNG)
        metrics = (await client.get("/metrics/")).text
    assert answer.status_code == 200
    assert f'restore_requests_total{{endpoint="{path[:-1]}",status="200"}} 1.0' in metrics


@pytest.mark.parametrize("path", ["/restore//", "/restore/x/"])
async def test_other_spellings_are_still_no_endpoint(serving, path):
    async with serving() as client:
        answer = await client.post(path, content=file_of(photo()), headers=PNG)
    assert answer.status_code == 404


async def test_a_slash_at_the_end_does_not_get_round_the_admin_keys(serving):
    async with serving(api_keys="one", admin_keys="boss") as client:
        answer = await client.post("/adapters/reload/", headers={"X-API-Key": "one"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5),
        ("2.5", 2.5),
        ("5s", 5),
        (" 5 S ", 5),
        ("5 sec", 5),
        ("5 seconds", 5),
        ("500ms", 0.5),
        ("2m", 120),
        ("1 minute", 60),
        ("1h", 3600),
        ("1e2", 100),
    ],
)
def test_a_duration_may_have_a_unit(text, seconds):
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "nan", "0s", "-5s", "s", "5 days", "five", "5s5s", "5" * 50 + "s", "nans"],
)
def test_what_is_no_duration_above_zero_is_none(text):
    assert seconds_of(text) is None


@pytest.mark.parametrize(
    ("accept", "begins"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("application/openmetrics-text; version=1.0.0,text/plain;q=0.5", "application/openmetrics"),
    ],
)
async def test_metrics_come_in_the_format_that_is_asked_for(serving, accept, begins):
    async with serving() as client:
        await client.post("/restore", content=file_of(photo()), headers=PNG)
        answer = await client.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(begins)
    assert answer.headers["vary"] == "Accept"
    assert answer.text.endswith("# EOF\n") is begins.startswith("application")
    assert "restore_pixels_total" in answer.text
