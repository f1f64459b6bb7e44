"""What a started service makes of hostile environments, headers and paths, in real processes."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.service.http.test_server import free_port

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from service.app import serve
from service.settings import Settings
from tools.fakes import FakeEngine
sys.exit(serve(Settings(), FakeEngine()))
"""
Command = Callable[..., subprocess.CompletedProcess[bytes]]


def environment(**given: str | bytes) -> dict[bytes, bytes]:
    """Ours without settings, and what is given."""
    ours = {name: value for name, value in os.environb.items() if not name.startswith(b"ABAIR_")}
    told = {name.encode(): v if isinstance(v, bytes) else v.encode() for name, v in given.items()}
    return ours | {b"PYTHONPATH": str(ROOT).encode()} | told


def command(*words: str, **given: str | bytes) -> tuple[int, str]:
    """Run ``abair`` until it ends; return its exit code and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "service", *words],
        cwd=ROOT,
        env=environment(**given),
        capture_output=True,
        timeout=60,
    )
    return done.returncode, (done.stdout + done.stderr).decode()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ABAIR_QUEUE_BYTES": "1"}, "queue_bytes must be at least max_body_bytes"),
        ({"ABAIR_KEY_PIXELS": "1"}, "key_pixels must be at least max_pixels"),
        ({"ABAIR_PORT": "x"}, "--port (ABAIR_PORT)"),
        ({"ABAIR_ADMIN_KEYS": "topsecret2\ttopsecret3"}, "--admin-keys (ABAIR_ADMIN_KEYS)"),
        ({"ABAIR_API_KEYS": ", ,"}, "--api-keys (ABAIR_API_KEYS): contains no key"),
        ({"ABAIR_API_KEYS": b"topsecret\xff"}, "--api-keys (ABAIR_API_KEYS): key 1 contains"),
        ({"ABAIR_API_KEYS": "a,topsecret\u00e9"}, "--api-keys (ABAIR_API_KEYS): key 2 contains"),
        ({"ABAIR_TRUSTED_PROXIES": "proxy"}, "--trusted-proxies (ABAIR_TRUSTED_PROXIES)"),
    ],
    ids=str,
)
def test_a_wrong_environment_is_told_without_traceback_and_keys(given, told):
    code, said = command("serve", **{"ABAIR_API_KEYS": "topsecret", "COLUMNS": "400"} | given)
    assert (code, told in said) == (2, True), said
    assert "Traceback" not in said
    assert "topsecret" not in said


@pytest.mark.parametrize("content", [b"topsecret\xff", b"top\tsecret", "topsecret\u00e9".encode()])
def test_a_file_of_keys_that_clients_could_not_send_is_told(tmp_path: Path, content: bytes):
    path = tmp_path / "keys"
    path.write_bytes(content)
    code, said = command("serve", ABAIR_API_KEYS_FILE=str(path), COLUMNS="400")
    assert (code, "--api-keys-file (ABAIR_API_KEYS_FILE)" in said) == (2, True), said
    assert "Traceback" not in said
    assert "secret" not in said.replace(str(path), "")


class Service:
    """A service in a process of its own."""

    def __init__(self, **given: str) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env=environment(ABAIR_PORT=str(self.port), ABAIR_LINGER_SECONDS="0", **given),
            stderr=subprocess.PIPE,
        )

    def ask(self, head: str) -> bytes:
        """Send a request; wait for the service where it only begins."""
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
                    connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
                    return b"".join(iter(lambda: connection.recv(65536), b""))
            except ConnectionRefusedError:
                assert self.process.poll() is None

    def log(self) -> list[dict[str, object]]:
        """End it; return the lines it logged."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=60)
        return [json.loads(line) for line in errors.splitlines()]


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    """Start services that are ended after the test."""
    services: list[Service] = []

    def start(**given: str) -> Service:
        services.append(Service(**given))
        return services[-1]

    yield start
    for service in services:
        service.process.kill()
        service.process.communicate()


@pytest.mark.parametrize(
    ("proxies", "client"),
    [("", "127.0.0.1"), ("10.0.0.0/8, 127.0.0.1", "6.6.6.6")],
)
def test_who_is_forwarded_for_is_believed_from_named_balancers_alone(serve, proxies, client):
    service = serve(ABAIR_TRUSTED_PROXIES=proxies)
    service.ask("GET /adapters HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\n")
    (line,) = [line for line in service.log() if line["event"] == "request"]
    assert line["client"] == client


def test_a_long_path_is_cut_in_the_log_and_in_the_answer(serve):
    service = serve()
    answer = service.ask(f"GET /{'a' * 60_000} HTTP/1.1\r\nHost: a\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert len(answer) < 1500
    (line,) = [line for line in service.log() if line["event"] == "request"]
    assert len(str(line["path"])) < 300


def test_a_name_that_resembles_a_setting_is_warned_about(serve):
    lines = serve(ABAIR_API_KEY="topsecret", ABAIR_TITLE="x", Abair_Log_Level="info")
    lines.ask("GET /healthz HTTP/1.1\r\nHost: a\r\n")
    told = {line["name"]: line["did_you_mean"] for line in lines.log() if "did_you_mean" in line}
    assert told == {"ABAIR_API_KEY": "ABAIR_API_KEYS", "ABAIR_TITLE": "ABAIR_TILE"}
