"""The committed docker-compose.yml as containers of this machine, for tests and by hand."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.containers.engine import COMPOSE, ENVIRONMENT, ROOT, call, podman
from tools.fleet.processes import free_port, metric

PROJECT = "abair-test"
PATIENCE = 180.0
"""Seconds to wait for what must come; never the measure of a test."""


def wait(condition: Callable[[], object], what: str) -> float:
    """Wait until ``condition()`` is true; return the seconds that it took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > PATIENCE:
            raise AssertionError(f"it never came about: {what}")
        time.sleep(0.1)
    return time.monotonic() - started


@dataclass
class Stack:
    """Balancer, replicas and Prometheus of one compose project.

    Args:
        variables: Those of the compose file.
    """

    variables: dict[str, str]
    port: int = field(default_factory=free_port)
    prometheus_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        """Publish on ports that are free."""
        self.variables = {
            **self.variables,
            "ABAIR_PORT": str(self.port),
            "ABAIR_PROMETHEUS_PORT": str(self.prometheus_port),
        }

    def compose(self, *words: str, check: bool = True) -> str:
        """Run podman-compose with the variables."""
        command = [*COMPOSE, "--project-name", PROJECT, *words]
        return call(command, environment=self.variables, check=check)

    def up(self) -> None:
        """Create and start everything, Prometheus too, as the compose file says."""
        self.compose("--profile", "monitoring", "up", "-d", "balancer", "replica", "prometheus")

    def down(self) -> None:
        """Remove containers, networks and volumes."""
        for id_ in self.ids("replica", every=True):
            podman("rm", "--force", "--time", "1", id_, check=False)
        self.compose("--profile", "monitoring", "down", "--volumes", "--timeout", "1", check=False)
        # conmon, which watches a container for podman, leaves this file where podman was started.
        (ROOT / "oom").unlink(missing_ok=True)

    def scale(self, count: int) -> None:
        """Create and start missing replicas; those that are there stay."""
        scaled = ("--scale", f"replica={count}", "replica")
        self.compose("up", "-d", "--no-deps", "--no-recreate", *scaled)

    def ids(self, service: str, *, every: bool = False) -> list[str]:
        """Return the containers of a service that run, or every one of them."""
        labels = (f"com.docker.compose.project={PROJECT}", f"com.docker.compose.service={service}")
        filters = [word for label in labels for word in ("--filter", f"label={label}")]
        words = ["ps", "--quiet", "--no-trunc", *filters, *(["--all"] if every else [])]
        return podman(*words).split()

    def settle(self, count: int) -> None:
        """Bring about ``count`` fresh or running replicas that the balancer sends pictures to."""
        for id_ in self.ids("replica", every=True):
            if int(label(id_, "com.docker.compose.container-number")) > count:
                podman("rm", "--force", "--time", "1", id_)
        self.scale(count)
        self.sees(count)

    def balancer_metric(self, name: str) -> float:
        """Read one of HAProxy's metrics, inside of its container."""
        (balancer,) = self.ids("balancer")
        address = "http://127.0.0.1:8404/metrics"
        text = podman("exec", balancer, "wget", "-q", "-O", "-", address, check=False)
        return metric(text, name)

    def active(self) -> int:
        """Return how many replicas the balancer sends pictures to."""
        return int(self.balancer_metric('haproxy_backend_active_servers{proxy="pictures"}'))

    def sees(self, count: int) -> float:
        """Wait until the balancer sends pictures to ``count`` replicas; return the seconds."""
        return wait(lambda: self.active() == count, f"{count} replicas behind the balancer")


def inspected(id_: str) -> dict[str, Any]:
    """Return what the engine tells about a container."""
    (told,) = json.loads(podman("inspect", id_))
    return dict(told)


def label(id_: str, name: str) -> str:
    """Return a label of a container."""
    return str(inspected(id_)["Config"]["Labels"][name])


def logs(id_: str) -> str:
    """Return what a container wrote to its output and to its errors."""
    done = subprocess.run(["podman", "logs", id_], env=ENVIRONMENT, capture_output=True, check=True)
    return (done.stdout + done.stderr).decode()


def health(id_: str) -> str:
    """Run the image's health check as the engine's timer does; return the state that it leads to.

    Podman lets systemd run the checks. Where there is no systemd, nobody else runs them.
    """
    podman("healthcheck", "run", id_, check=False)
    return str(inspected(id_)["State"]["Health"]["Status"])


def process_of(id_: str) -> Path:
    """Return the folder in /proc of a container's first process."""
    return Path("/proc") / str(inspected(id_)["State"]["Pid"])
