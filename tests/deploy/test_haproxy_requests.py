"""HAProxy with the committed configuration: what it lets through, and how."""

import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.deploy.load import HEADERS, PICTURE, restore
from tools.fakes import file_of, picture_of
from tools.fleet.fleet import Fleet
from tools.fleet.processes import PATIENCE, free_port, program

pytestmark = pytest.mark.anyio


async def test_a_large_picture_passes_whole(fleet: Fleet):
    fleet.replica("only")
    balancer = await fleet.haproxy()
    await fleet.ready()
    await balancer.sees(1)
    degraded = np.zeros((3000, 4000, 3), np.uint8)
    degraded[:, :, 0] = 200
    data = file_of(degraded, "BMP")
    assert len(data) > 32 * 2**20
    async with balancer.client() as client:
        answer = await client.post(
            "/restore?format=jpeg", content=data, headers={"Content-Type": "image/bmp"}
        )
    assert answer.status_code == 200
    restored = picture_of(answer.content)
    assert restored.shape == degraded.shape
    assert abs(int(restored[1500, 2000, 0]) - 55) <= 2


async def test_the_body_limit_is_the_replicas_said_or_not(fleet: Fleet):
    limit = 100_000
    replica = fleet.replica("only", ABAIR_MAX_BODY_BYTES=limit)
    balancer = await fleet.haproxy(ABAIR_MAX_BODY_BYTES=limit)
    await fleet.ready()
    await balancer.sees(1)

    async def untold():
        yield bytes(limit + 1)

    async with balancer.client() as client:
        just = await client.post("/restore", content=bytes(limit), headers=HEADERS)
        told = await client.post("/restore", content=bytes(limit + 1), headers=HEADERS)
        chunked = await client.post("/restore", content=untold(), headers=HEADERS)
    assert just.status_code != 413
    assert [told.status_code, chunked.status_code] == [413, 413]
    assert told.json()["code"] == chunked.json()["code"] == "body_too_large"
    # What says its size is refused before it reaches a replica.
    assert await replica.metric('restore_refusals_total{code="body_too_large"}') == 1


async def test_with_a_certificate_it_speaks_tls_and_offers_http_2(fleet: Fleet, tmp_path):
    pem = certificate(tmp_path)
    fleet.replica("only")
    port = free_port()
    balancer = await fleet.haproxy(ABAIR_CERTIFICATE=pem, ABAIR_TLS_BIND=f"127.0.0.1:{port}")
    await fleet.ready()
    await balancer.sees(1)
    trusting = ssl.create_default_context(cafile=pem)
    async with httpx.AsyncClient(verify=trusting, timeout=PATIENCE) as client:
        answer = await client.get(f"https://127.0.0.1:{port}/adapters")
    assert answer.status_code == 200
    assert "max-age" in answer.headers["strict-transport-security"]
    trusting.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
        trusting.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        assert secured.selected_alpn_protocol() == "h2"


def certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 that signs itself, and its key, in one file."""
    options = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=test"
    name = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    command = [program("openssl"), *options.split(), *name, *files]
    subprocess.run(command, check=True, capture_output=True)
    pem = folder / "balancer.pem"
    pem.write_bytes((folder / "certificate").read_bytes() + (folder / "key").read_bytes())
    return pem


async def test_the_request_id_is_the_callers_or_the_balancers(fleet: Fleet):
    fleet.replica("only")
    balancer = await fleet.haproxy()
    await fleet.ready()
    await balancer.sees(1)
    async with balancer.client() as client:
        given = await client.post(
            "/restore", content=PICTURE, headers=HEADERS | {"X-Request-Id": "mine"}
        )
        made = await restore(client)
    assert given.headers["x-request-id"] == "mine"
    assert len(made.headers["x-request-id"]) == 36
    assert made.headers["x-content-type-options"] == "nosniff"


async def test_what_is_one_replicas_own_is_not_for_callers(fleet: Fleet):
    fleet.replica("only")
    balancer = await fleet.haproxy()
    await fleet.ready()
    await balancer.sees(1)
    async with balancer.client() as client:
        hidden = [await client.get("/metrics"), await client.post("/adapters/reload")]
        assert (await client.get("/readyz")).status_code == 200
    assert [answer.status_code for answer in hidden] == [404, 404]
    assert {answer.json()["detail"] for answer in hidden} == {"not served here"}
