import re

import pytest

from service.page import read_assets
from tests.service.http.test_problems import check

pytestmark = pytest.mark.anyio

TYPES = {
    "/": "text/html; charset=utf-8",
    "/docs": "text/html; charset=utf-8",
    "/page/app.js": "text/javascript; charset=utf-8",
    "/page/base.css": "text/css; charset=utf-8",
    "/page/icon.svg": "image/svg+xml",
    "/page/examples/rain.jpg": "image/jpeg",
    "/page/examples/examples.json": "application/json",
    "/page/examples/CREDITS.txt": "text/plain; charset=utf-8",
    "/page/swagger/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/page/swagger/swagger-ui.css": "text/css; charset=utf-8",
}


async def test_files_come_with_their_type_and_a_policy_against_other_hosts(serving):
    async with serving() as client:
        for path, media_type in TYPES.items():
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["content-type"] == media_type
            assert answer.headers["x-content-type-options"] == "nosniff"
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'self';")
            assert "unsafe" not in policy
            assert "http" not in policy


async def test_what_a_browser_has_is_not_sent_again(serving):
    async with serving() as client:
        first = await client.get("/page/app.js")
        assert first.headers["cache-control"] == "no-cache"
        known = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
        again = await client.get("/page/app.js", headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["cache-control"] == "no-cache"
        other = await client.get("/page/app.js", headers={"If-None-Match": '"other"'})
        assert other.content == first.content


async def test_head_tells_what_get_would(serving):
    async with serving() as client:
        got, told = await client.get("/"), await client.head("/")
    assert told.status_code == 200
    assert told.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize(
    "path",
    ["/page/nothing.js", "/page/", "/page/../__init__.py", "/page/%2e%2e/__init__.py", "/page//"],
)
async def test_nothing_but_the_files_of_the_page_is_sent(serving, path):
    async with serving() as client:
        check(await client.get(path), 404, "not_found")


async def test_the_page_needs_no_key_but_what_it_asks_for_does(serving):
    async with serving(api_keys="secret") as client:
        for path in [*TYPES, "/openapi.json"]:
            assert (await client.get(path)).status_code == 200, path
        check(await client.get("/adapters"), 401, "key_missing")
        check(await client.get("/pageant"), 401, "key_missing")
        check(await client.post("/restore"), 401, "key_missing")


async def test_files_of_the_page_share_one_label(serving):
    async with serving() as client:
        for path in ("/", "/page/app.js", "/page/base.css"):
            await client.get(path)
        value = client.service.metrics.registry.get_sample_value
        for endpoint, count in {"/": 1, "/page/": 2}.items():
            labels = {"endpoint": endpoint, "status": "200"}
            assert value("restore_requests_total", labels) == count


def test_every_file_that_a_file_names_is_there():
    assets = read_assets()
    named = {
        match
        for name in ("index.html", "docs.html")
        for match in re.findall(r'(?:href|src)="page/([^"]+)"', assets[name].body.decode())
    }
    for name, asset in assets.items():
        if name.endswith(".js") and "/" not in name:
            named |= set(re.findall(r'from "\./([^"]+)"', asset.body.decode()))
    assert len(named) > 10
    assert named - set(assets) == set()


def test_the_examples_are_small_and_credited():
    assets = {name: asset for name, asset in read_assets().items() if name.startswith("examples/")}
    assert sum(len(asset.body) for asset in assets.values()) < 1_000_000
    credits = assets["examples/CREDITS.txt"].body.decode()
    pictures = [name.removeprefix("examples/") for name in assets if name.endswith(".jpg")]
    assert len(pictures) >= 5
    assert [name for name in pictures if name not in credits] == []
