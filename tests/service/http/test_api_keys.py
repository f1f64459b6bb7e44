import pytest

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("end", ["%0A", "%0D", "%00", "%85", "%E2%80%A8", "%20", ";", "#"])
async def test_a_path_with_a_foreign_character_reaches_no_endpoint(serving, end):
    async with serving(api_keys="caller", admin_keys="admin") as client:
        client.headers["X-API-Key"] = "caller"
        for method, path in (("POST", "/adapters/reload"), ("GET", "/metrics")):
            answer = await client.request(method, f"{path}{end.replace('#', '%23')}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/restore/", "/docs/", "/metrics/", "/adapters/reload/"])
async def test_no_answer_leads_to_a_host_that_the_caller_named(serving, path):
    async with serving(admin_keys="admin") as client:
        answer = await client.post(path, headers={"Host": "evil.test", "X-API-Key": "admin"})
    assert not 300 <= answer.status_code < 400
    assert "location" not in answer.headers
