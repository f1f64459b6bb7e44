"""HAProxy and nginx with the committed configurations: no spelling of a path gets round a rule."""

import asyncio
import re

import httpx
import pytest

from service.app import create_app
from service.http.api_keys import PAGE_FILES
from service.page import read_assets
from service.settings import Settings
from tests.deploy.load import HEADERS, PICTURE
from tools.fleet.fleet import Fleet
from tools.fleet.processes import PATIENCE, Balancer, Replica

pytestmark = pytest.mark.anyio

HIDDEN = {"/metrics": "GET", "/adapters/reload": "POST"}
"""What only the operator may ask a replica for, behind the balancer."""
PICTURES = {"/restore": "POST", "/degradation-map": "POST"}
"""What must wait in the balancer's queue. A slash at the end is allowed."""


def spellings(path: str) -> list[str]:
    """Write ``path`` in the ways that some program takes for it."""
    first, rest = path[1], path[2:]
    encoded = "".join(f"%{ord(letter):02x}" for letter in path[1:])
    return [
        f"/%{ord(first):02x}{rest}",
        f"/%{ord(first):02X}{rest}",
        f"/{encoded}",
        f"%2f{path[1:]}",
        f"/%2f{path[1:]}",
        f"{path[:-1]}%{ord(path[-1]):02x}",
        f"/%25{ord(first):02x}{rest}",
        path.replace("/", "//"),
        path.replace("/", "/./"),
        path.replace("/", "/%2e/"),
        path.replace("/", "/x/../"),
        f"/page/..{path}",
        f"/page/..%2f{path[1:]}",
        f"/page/%2e%2e{path}",
        path.replace("/", "\\"),
        path.upper(),
        f"/{first.upper()}{rest}",
        *(path + end for end in ("/", "//", "/.", "/x/..", ".", "..", ";", ";a=1", "/;a=1")),
        *(
            path + end
            for end in ("%20", "%00", "%0a", "%09", "%23", "%3f", "%3b", "#", "#a", "#?a")
        ),
        f"http://localhost/%{ord(first):02x}{rest}",
        f"http://localhost//{path[1:]}",
    ]


async def status(balancer: Balancer, method: str, target: str) -> int:
    """Send a request whose target is exactly ``target``; return the answer's status."""
    url = httpx.URL(balancer.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    body = PICTURE if method == "POST" else b""
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: {HEADERS['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1])


async def heard(replica: Replica) -> set[str]:
    """Name the endpoints whose requests reached the replica until now; probes apart.

    This is a request for its metrics, which counts from the next call on.
    """
    async with httpx.AsyncClient(base_url=replica.url, timeout=PATIENCE) as client:
        text = (await client.get("/metrics")).text
    names = re.findall(r'^restore_requests_total\{endpoint="([^"]+)"', text, flags=re.MULTILINE)
    return set(names) - {"/healthz", "/readyz"}


async def begin(fleet: Fleet, kind: str) -> tuple[Balancer, Replica]:
    """Start a replica and a balancer of a kind in front of it."""
    replica = fleet.replica("only")
    await fleet.ready()
    balancer = await (fleet.haproxy() if kind == "haproxy" else fleet.nginx())
    if kind == "haproxy":
        await balancer.sees(1)
    return balancer, replica


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
async def test_no_spelling_of_a_path_gets_round_the_rules(fleet: Fleet, kind: str):
    balancer, replica = await begin(fleet, kind)
    passed = []
    for path, method in (HIDDEN | PICTURES).items():
        for target in spellings(path):
            if path in PICTURES and target == f"{path}/":
                continue
            if (answer := await status(balancer, method, target)) not in (400, 404):
                passed.append((method, target, answer))
    for path, method in HIDDEN.items():
        for target in (path, f"{path}?a=1", f"http://localhost{path}", f"{path}?#"):
            if (answer := await status(balancer, method, target)) not in (400, 404):
                passed.append((method, target, answer))
    assert passed == []
    assert await heard(replica) == set()


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
async def test_everything_that_callers_may_ask_for_passes(fleet: Fleet, kind: str):
    balancer, _ = await begin(fleet, kind)
    document = create_app(Settings()).openapi()["paths"]
    gets = [path for path, methods in document.items() if "get" in methods and path not in HIDDEN]
    pages = ["/", "/docs", "/openapi.json", *(PAGE_FILES + name for name in read_assets())]
    refused = []
    for target in [*gets, *pages, "/adapters?a=%2f..//", "http://localhost/adapters"]:
        if (answer := await status(balancer, "GET", target)) != 200:
            refused.append((target, answer))
    for path in PICTURES:
        for target in (path, f"{path}/", f"{path}?", f"http://localhost{path}"):
            if (answer := await status(balancer, "POST", target)) != 200:
                refused.append((target, answer))
    assert await status(balancer, "POST", "/restore?adapters=rain%3A0.8&format=png") == 200
    assert refused == []
    assert set(document) == {*gets, *PICTURES, *HIDDEN}
