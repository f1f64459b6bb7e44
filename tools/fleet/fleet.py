"""Replicas and what stands in front of them, as processes with the committed configuration."""

import getpass
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tools.fleet.names import NameServer
from tools.fleet.processes import (
    DOCKER,
    ROOT,
    Balancer,
    Process,
    Replica,
    answers,
    free_port,
    program,
    until,
)

NGINX = """
user {user};
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/abair.conf;
}}
"""
"""The frame that the official image has around the committed file."""


FAKE_REPLICA = (sys.executable, "-m", "tools.fleet.replica")
"""A replica whose engine only sleeps."""


@dataclass
class Fleet:
    """Everything that runs in a test; all of it is ended after it.

    Args:
        folder: For files and logs.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    replicas: list[Replica] = field(default_factory=list)
    _processes: list[Process] = field(default_factory=list)
    _names: list[NameServer] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        """Begin to answer for the name of the replicas."""
        self._names = [NameServer(lambda: [_host(replica) for replica in self.replicas])]

    def run(self, name: str, command: list[str], environment: dict[str, str]) -> Process:
        """Start a program."""
        self._count += 1
        output = self.folder / f"{self._count}-{name}.log"
        with output.open("wb") as file:
            popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(popen, output)
        self._processes.append(process)
        return process

    def replica(
        self, name: str, command: Sequence[str] = FAKE_REPLICA, **environment: object
    ) -> Replica:
        """Start a replica at an address of its own; the name server knows it at once."""
        host = f"127.0.1.{self._count + 1}"
        given = {key: str(value) for key, value in environment.items()}
        settings = {
            "ABAIR_HOST": host,
            "ABAIR_PORT": str(self.port),
            "ABAIR_LINGER_SECONDS": "3",
            "FAKE_NAME": name,
        }
        process = self.run(name, list(command), settings | given)
        url = f"http://{host}:{self.port}"
        replica = Replica(process.popen, process.output, name, url)
        self.replicas.append(replica)
        return replica

    def forget(self, replica: Replica) -> None:
        """Take a replica out of the name server, as when its container is gone."""
        self.replicas.remove(replica)

    async def haproxy(self, **environment: object) -> Balancer:
        """Start HAProxy; wait until it answers."""
        port, metrics_port = free_port(), free_port()
        settings = {
            "ABAIR_BIND": f"127.0.0.1:{port}",
            "ABAIR_METRICS_BIND": f"127.0.0.1:{metrics_port}",
            "ABAIR_BACKEND": "replicas.test",
            "ABAIR_BACKEND_PORT": str(self.port),
            "ABAIR_DNS": self._names[0].address,
            "ABAIR_CHECK_INTERVAL": "200ms",
        }
        given = {key: str(value) for key, value in environment.items()}
        command = [program("haproxy"), "-db", "-f", str(DOCKER / "haproxy" / "haproxy.cfg")]
        process = self.run("haproxy", command, settings | given)
        metrics_url = f"http://127.0.0.1:{metrics_port}"
        await self.alive(process, f"{metrics_url}/healthz")
        return Balancer(process.popen, process.output, f"http://127.0.0.1:{port}", metrics_url)

    async def nginx(self, **environment: object) -> Balancer:
        """Start nginx in front of the replicas there are; wait until it answers."""
        port = free_port()
        self._write_nginx(port, environment)
        (self.folder / "nginx.conf").write_text(
            NGINX.format(folder=self.folder, user=getpass.getuser())
        )
        process = self.run("nginx", self._nginx_command(), {})
        await self.alive(process, f"http://127.0.0.1:{port}/healthz")
        return Balancer(process.popen, process.output, f"http://127.0.0.1:{port}")

    def reload_nginx(self, balancer: Balancer) -> None:
        """Let nginx know the replicas there are now."""
        self._write_nginx(httpx.URL(balancer.url).port or 0, {})
        command = [*self._nginx_command(), "-s", "reload"]
        subprocess.run(command, check=True, capture_output=True)

    def _nginx_command(self) -> list[str]:
        folder = str(self.folder)
        files = ["-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr"]
        return [program("nginx"), *files, "-g", "daemon off;"]

    def _write_nginx(self, port: int, environment: dict[str, object]) -> None:
        """Fill in the template as the official image does."""
        servers = [
            f"server {_host(replica)}:{self.port} max_fails=1 fail_timeout=5s;"
            for replica in self.replicas
        ]
        listen = [
            f"127.0.0.1:{port}",
            *([str(more)] if (more := environment.get("listen_too")) else []),
        ]
        values = {
            "ABAIR_LISTEN": "; listen ".join(listen),
            "ABAIR_SERVERS": " ".join(servers),
            "ABAIR_MAX_BODY_BYTES": str(environment.get("ABAIR_MAX_BODY_BYTES", 64 * 2**20)),
        }
        template = (DOCKER / "nginx" / "abair.conf.template").read_text()
        for name, value in values.items():
            template = template.replace(f"${{{name}}}", value)
        (self.folder / "abair.conf").write_text(template)

    async def alive(self, process: Process, url: str) -> None:
        """Wait until ``url`` answers 200, unless the process ended."""

        async def answered() -> bool:
            assert process.popen.poll() is None, process.text
            return await answers(url)

        await until(answered, url)

    async def ready(self) -> None:
        """Wait until every replica is."""
        for replica in self.replicas:
            await until(replica.is_ready, f"{replica.name} ready")

    def close(self) -> None:
        """End everything."""
        for process in self._processes:
            if process.popen.poll() is None:
                os.killpg(process.popen.pid, signal.SIGKILL)  # nginx has workers
                process.popen.wait()
        for names in self._names:
            names.close()


def _host(replica: Replica) -> str:
    return httpx.URL(replica.url).host
