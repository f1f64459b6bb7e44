"""Everything that is not a success is problem+json, and the service goes on."""

import asyncio

import httpx
import pytest
from asgi_lifespan import LifespanManager

from service.app import create_app
from service.device.engine import EngineFatalError, EngineMemoryError
from service.settings import Settings
from tools.fakes import FakeEngine, file_of, photo, png_header, until

pytestmark = pytest.mark.anyio

PNG = {"Content-Type": "image/png"}
JPEG = file_of(photo(200, 300), "JPEG")
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
PART = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'


def check(answer, status, code):
    """Check a problem and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"urn:abair:problem:{code}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    assert problem["detail"]
    assert problem["hint"]
    return problem


BAD_BODIES = [
    (JPEG[:300], {"Content-Type": "image/jpeg"}, 400, "broken_image"),
    (b"\x89PNG\r\n\x1a\n", PNG, 400, "broken_image"),
    (png_header(40, 40), PNG, 400, "broken_image"),
    (b"To whom it may concern", PNG, 415, "unsupported_image"),
    (file_of(photo(), "GIF"), {"Content-Type": "image/gif"}, 415, "unsupported_image"),
    (b"To whom it may concern", {"Content-Type": "text/plain"}, 415, "unsupported_image"),
    (file_of(photo()), {"Content-Type": "application/pdf"}, 415, "unsupported_media"),
    (b"To whom it may concern", {}, 415, "unsupported_image"),
    (file_of(photo()), PNG | {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
    (file_of(photo()), PNG | {"Content-Encoding": "gzip"}, 400, "broken_encoding"),
    (b"{}", {"Content-Type": "application/json"}, 400, "missing_image"),
    (b'{"image": ""}', {}, 400, "missing_image"),
    (png_header(20_000, 10_000), PNG, 413, "too_many_pixels"),
    (b"", PNG, 400, "missing_image"),
    (b"x" * 200_001, PNG, 413, "body_too_large"),
    (b"", {"Content-Type": "multipart/form-data"}, 400, "broken_multipart"),
    (b"", FORM, 400, "broken_multipart"),
    (b"nonsense", FORM, 400, "broken_multipart"),
    (b"--x--\r\n", FORM, 400, "missing_image"),
    (PART + b"cut", FORM, 400, "broken_multipart"),
    (PART + b"\r\n--x--\r\n", FORM, 400, "missing_image"),
    (PART + b"1\r\n" + PART + b"2\r\n--x--\r\n", FORM, 400, "broken_multipart"),
    (b"--x\r\nContent-Type: a\r\n\r\nb\r\n--x--\r\n", FORM, 400, "broken_multipart"),
]


@pytest.mark.parametrize("path", ["/restore", "/degradation-map"])
@pytest.mark.parametrize(("body", "headers", "status", "code"), BAD_BODIES)
async def test_a_bad_body_is_told(serving, path, body, headers, status, code):
    async with serving(max_body_bytes=200_000) as client:
        check(await client.post(path, content=body, headers=headers), status, code)
        good = await client.post(path, content=file_of(photo()), headers=PNG)
        assert good.status_code == 200
        assert client.service.admission.bytes.reserved == 0
        assert client.service.admission.in_flight == 0


@pytest.mark.parametrize(
    ("params", "option", "code"),
    [
        ({"adapters": "snow:1"}, "adapters", "unknown_adapter"),
        ({"adapters": "rain"}, "adapters", "invalid_options"),
        ({"adapters": "rain:2"}, "adapters", "invalid_options"),
        ({"adapters": "rain:nan"}, "adapters", "invalid_options"),
        ({"adapters": "rain:x"}, "adapters", "invalid_options"),
        ({"adapters": "rain:1,rain:1"}, "adapters", "invalid_options"),
        ({"strength": "2"}, "strength", "invalid_options"),
        ({"strength": "nan"}, "strength", "invalid_options"),
        ({"format": "gif"}, "format", "invalid_options"),
        ({"blend": "tile"}, "blend", "invalid_options"),
        ({"quality": "0"}, "quality", "invalid_options"),
        ({"metadata": "some"}, "metadata", "invalid_options"),
        ({"colour": "red"}, "colour", "invalid_options"),
        ([("strength", "1"), ("strength", "1")], "strength", "invalid_options"),
    ],
)
async def test_a_bad_option_is_named(serving, params, option, code):
    async with serving() as client:
        answer = await client.post("/restore", content=file_of(photo()), headers=PNG, params=params)
    problem = check(answer, 422, code)
    assert [entry["option"] for entry in problem["errors"]] == [option]


async def test_unknown_adapters_are_told_with_the_known_ones(serving):
    async with serving() as client:
        answer = await client.post(
            "/restore?adapters=snow:1", content=file_of(photo()), headers=PNG
        )
    assert "noise, rain, haze" in answer.json()["hint"]


async def test_an_option_in_form_and_query_is_given_twice(serving):
    async with serving() as client:
        answer = await client.post(
            "/restore?strength=1", files={"image": file_of(photo())}, data={"strength": "1"}
        )
    assert check(answer, 422, "invalid_options")["errors"][0]["option"] == "strength"


async def test_a_picture_too_long_for_a_format_is_told(serving):
    long = file_of(photo(1, 16_384))
    async with serving() as client:
        answer = await client.post("/restore?format=webp", content=long, headers=PNG)
        check(answer, 422, "invalid_options")
        automatic = await client.post(
            "/restore", content=long, headers={**PNG, "Accept": "image/webp,image/png;q=0.1"}
        )
        assert automatic.headers["content-type"] == "image/png"


async def test_nothing_acceptable_is_told(serving):
    async with serving() as client:
        answer = await client.post(
            "/restore", content=file_of(photo()), headers={**PNG, "Accept": "text/html"}
        )
    check(answer, 406, "not_acceptable")


async def test_unknown_paths_and_methods_are_told(serving):
    async with serving() as client:
        check(await client.get("/nothing"), 404, "not_found")
        answer = await client.get("/restore")
        check(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "POST"


async def test_keys_guard_all_but_the_probes(serving):
    async with serving(api_keys="first, second") as client:
        answer = await client.get("/adapters")
        check(answer, 401, "key_missing")
        assert answer.headers["www-authenticate"] == "Bearer"
        check(await client.get("/metrics", headers={"X-API-Key": "third"}), 403, "key_unknown")
        for headers in ({"X-API-Key": "first"}, {"Authorization": "Bearer second"}):
            assert (await client.get("/adapters", headers=headers)).status_code == 200
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200


async def test_a_failing_picture_fails_alone(serving, engine):
    degraded = photo()
    degraded[0, 0, 0] = 7
    engine.faults = {7: ValueError("secret words"), 8: EngineMemoryError("too big")}
    async with serving() as client:
        bad, good = await asyncio.gather(
            client.post("/restore", content=file_of(degraded), headers=PNG),
            client.post("/restore", content=file_of(photo()), headers=PNG),
        )
        assert good.status_code == 200
        check(bad, 500, "internal_error")
        assert "secret" not in bad.text
        degraded[0, 0, 0] = 8
        bad = await client.post("/restore", content=file_of(degraded), headers=PNG)
        check(bad, 507, "out_of_memory")


async def test_an_unexpected_error_is_told_without_a_traceback(serving, decoders):
    def broken(*_args, **_options):
        raise RuntimeError("secret words")

    decoders.function = broken
    async with serving() as client:
        answer = await client.post("/restore", content=file_of(photo()), headers=PNG)
    check(answer, 500, "internal_error")
    assert "secret" not in answer.text


async def test_what_takes_too_long_is_told_and_frees_its_place(serving, engine):
    async with serving(deadline_seconds=0.1) as client:
        engine.gate.clear()
        answer = await client.post("/restore", content=file_of(photo()), headers=PNG)
        check(answer, 504, "deadline_exceeded")
        assert client.service.admission.in_flight == 0
        assert client.service.admission.bytes.reserved == 0
        engine.gate.set()


@pytest.mark.parametrize(
    "limit",
    [
        {"queue_pixels": 4000, "max_pixels": 4000},
        {"queue_requests": 1},
        {"queue_bytes": 2000, "max_body_bytes": 2000},
    ],
)
@pytest.mark.parametrize("path", ["/restore", "/degradation-map"])
async def test_a_full_service_refuses_and_says_when_to_come_again(serving, engine, limit, path):
    async with serving(**limit) as client:
        engine.gate.clear()
        first = asyncio.create_task(client.post(path, content=file_of(photo()), headers=PNG))
        await until(lambda: client.service.admission.in_flight)
        assert client.service.admission.pixels.reserved == 40 * 56
        answer = await client.post("/restore", content=file_of(photo()), headers=PNG)
        check(answer, 503, "full")
        assert 1 <= int(answer.headers["retry-after"]) <= 600
        engine.gate.set()
        assert (await first).status_code == 200
        again = await client.post("/restore", content=file_of(photo()), headers=PNG)
        assert again.status_code == 200


async def test_refusals_are_counted(serving):
    async with serving() as client:
        await client.post("/restore", content=b"text", headers=PNG)
        value = client.service.metrics.registry.get_sample_value(
            "restore_refusals_total", {"code": "unsupported_image"}
        )
    assert value == 1


class SlowToLoad(FakeEngine):
    def warm_up(self, side):
        assert self.gate.wait(30)


async def test_not_ready_before_the_model_is_warm(engine):
    engine = SlowToLoad()
    engine.gate.clear()
    app = create_app(Settings(), engine)
    async with LifespanManager(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            check(await client.get("/readyz"), 503, "not_ready")
            check(await client.get("/adapters"), 503, "not_ready")
            answer = await client.post("/restore", content=file_of(photo()), headers=PNG)
            check(answer, 503, "not_ready")
            assert (await client.get("/healthz")).status_code == 200
            engine.gate.set()
            await app.state.service.state.loaded.wait()
            assert (await client.get("/readyz")).status_code == 200


async def test_draining_refuses_but_finishes_what_was_accepted(serving, engine):
    async with serving() as client:
        engine.gate.clear()
        first = asyncio.create_task(client.post("/restore", content=file_of(photo()), headers=PNG))
        await until(lambda: client.service.admission.in_flight)
        client.service.state.drain()
        check(await client.get("/readyz"), 503, "draining")
        answer = await client.post("/restore", content=file_of(photo()), headers=PNG)
        check(answer, 503, "draining")
        assert (await client.get("/healthz")).status_code == 200
        engine.gate.set()
        assert (await first).status_code == 200
        await client.service.state.idle()
        assert client.service.admission.in_flight == 0


async def test_a_lost_device_turns_health_red(serving, engine):
    lost = photo()
    lost[0, 0, 0] = 7
    engine.faults = {7: EngineFatalError("gone")}
    async with serving() as client:
        answer = await client.post("/restore", content=file_of(lost), headers=PNG)
        check(answer, 503, "unhealthy")
        check(await client.get("/healthz"), 503, "unhealthy")
        check(await client.get("/readyz"), 503, "unhealthy")
        answer = await client.post("/restore", content=file_of(photo()), headers=PNG)
        check(answer, 503, "unhealthy")


async def test_a_stuck_batch_turns_health_red(serving, engine):
    async with serving(stall_seconds=0.05) as client:
        engine.gate.clear()
        first = asyncio.create_task(client.post("/restore", content=file_of(photo()), headers=PNG))
        await until(lambda: client.service.state.batcher.busy_seconds > 0.05)
        check(await client.get("/healthz"), 503, "unhealthy")
        engine.gate.set()
        assert (await first).status_code == 200
        assert (await client.get("/healthz")).status_code == 200


async def test_a_model_that_cannot_be_loaded_turns_health_red():
    class Broken(FakeEngine):
        def warm_up(self, side):
            raise RuntimeError("no weights")

    app = create_app(Settings(), Broken())
    async with LifespanManager(app):
        await app.state.service.state.loaded.wait()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            check(await client.get("/healthz"), 503, "unhealthy")
            check(await client.get("/readyz"), 503, "unhealthy")
        assert app.state.service.state.is_broken
