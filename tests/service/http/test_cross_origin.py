"""Pages of other origins may call the service if the operator names them."""

import pytest

from tools.fakes import file_of, photo

pytestmark = pytest.mark.anyio
PAGE, OTHER = "https://example.org", "https://example.com"
ASKS = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type, x-api-key, x-request-timeout",
}


async def preflight(client, origin=PAGE, **headers):
    return await client.options("/restore", headers={"Origin": origin, **ASKS, **headers})


async def test_no_page_is_allowed_unless_it_is_set(serving):
    async with serving() as client:
        answer = await preflight(client)
        got = await client.get("/adapters", headers={"Origin": PAGE})
    assert answer.status_code == 405
    assert not [name for name in (*answer.headers, *got.headers) if "access-control" in name]


@pytest.mark.parametrize("origins", [PAGE, f"http://localhost:3000, {PAGE}/", "*"])
async def test_a_page_that_is_named_may_send_pictures_and_read_the_headers(serving, origins):
    async with serving(cors_origins=origins) as client:
        before = await preflight(client)
        headers = {"Origin": PAGE, "Content-Type": "image/png"}
        answer = await client.post("/restore", content=file_of(photo()), headers=headers)
    assert before.status_code == 200
    assert "POST" in before.headers["access-control-allow-methods"]
    assert "x-api-key" in before.headers["access-control-allow-headers"]
    allowed = {one.headers["access-control-allow-origin"] for one in (before, answer)}
    assert allowed == {"*" if origins == "*" else PAGE}
    assert "Restore-Degradations" in answer.headers["access-control-expose-headers"]
    assert before.headers["x-request-id"]


async def test_a_preflight_needs_no_key_and_a_refusal_can_be_read(serving):
    async with serving(cors_origins=PAGE, api_keys="one") as client:
        before = await preflight(client)
        refused = await client.post("/restore", headers={"Origin": PAGE})
    assert before.status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (401, "key_missing")
    assert refused.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize(
    ("origin", "headers"), [(OTHER, {}), (PAGE, {"Access-Control-Request-Method": "DELETE"})]
)
async def test_a_page_or_method_that_is_not_allowed_is_told(serving, origin, headers):
    async with serving(cors_origins=PAGE) as client:
        answer = await preflight(client, origin, **headers)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "origin_forbidden"
    assert "access-control-allow-origin" not in answer.headers
