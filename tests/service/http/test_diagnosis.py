"""Headers, reports and the map tell the same amounts: what was found, and what was removed."""

import pytest

from tests.service.http.test_routes import post
from tools.fakes import file_of, photo

pytestmark = pytest.mark.anyio


async def test_what_was_removed_is_told_however_it_was_removed(serving):
    async with serving() as client:
        assert (await post(client)).headers["restore-removed"] == "noise=0.60, rain=0.20"
        for given in ({"adapters": "none"}, {"blend": "pixel"}, {"strength": "0.5"}):
            answer = await post(client, data=file_of(photo(70, 90)), **given)
            assert answer.headers["restore-removed"] == "noise=0.60, rain=0.20", given
        assert (await post(client, keep="noise")).headers["restore-removed"] == "rain=0.20"


async def test_the_map_tells_the_same_amounts_and_no_adapters(serving):
    async with serving() as client:
        restored = await post(client, headers={"Accept": "application/json"})
        mapped = await client.post("/degradation-map", files={"image": file_of(photo())})
    assert mapped.json()["degradations"] == restored.json()["degradations"]
    assert restored.json()["removed"] == {"noise": 0.6, "rain": 0.2}
    assert mapped.headers["restore-degradations"] == restored.headers["restore-degradations"]
    assert not {"restore-adapters", "restore-removed"} & set(mapped.headers)


async def test_readiness_tells_the_measured_speed(serving):
    async with serving() as client:
        assert (await client.get("/readyz")).json()["seconds_per_megapixel"] is None
        await post(client)
        assert (await client.get("/readyz")).json()["seconds_per_megapixel"] >= 0
