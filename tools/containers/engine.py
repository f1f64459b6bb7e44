"""Podman as the tests use it: where it works, and how it is called."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = {
    "podman": "podman",
    "runc": "runc",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
}
"""Each program that is needed, and Debian's package of it."""

HELPERS = {"netavark": "netavark", "aardvark-dns": "aardvark-dns"}
"""Programs outside of PATH that podman starts, and their packages."""

ENVIRONMENT = {
    **os.environ,
    "CONTAINERS_CONF": str(Path(__file__).with_name("containers.conf")),
    "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
}


def why_not() -> str:
    """Say why no container can run here; empty: they can."""
    if os.geteuid() != 0:
        return "it needs root, for networks and memory limits"
    folders = f"{ENVIRONMENT['PATH']}:/usr/lib/podman:/usr/libexec/podman"
    programs = PROGRAMS | HELPERS
    missing = [programs[name] for name in programs if shutil.which(name, path=folders) is None]
    if missing:
        return f"Debian's {' '.join(missing)} is missing: `make container-engine` installs it"
    done = subprocess.run(
        ["podman", "info"], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else f"podman info says: {done.stderr.strip()}"


def podman(*words: str, check: bool = True) -> str:
    """Run podman; return what it printed.

    Raises:
        RuntimeError: It failed, and ``check`` is true; the text is what podman said.
    """
    return call(["podman", *words], check=check)


def compose(*words: str, environment: dict[str, str], check: bool = True) -> str:
    """Run podman-compose with the project's docker-compose.yml; return what it printed.

    Args:
        words: Command and options.
        environment: The variables of the compose file.
        check: Whether a failure is an error.

    Raises:
        RuntimeError: It failed, and ``check`` is true; the text is what it said.
    """
    return call([*COMPOSE, *words], check=check, environment=environment)


COMPOSE = [sys.executable, "-m", "podman_compose", "-f", str(ROOT / "docker-compose.yml")]


def call(
    command: list[str], *, check: bool = True, environment: dict[str, str] | None = None
) -> str:
    """Run a command with podman's settings; return what it printed."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=ENVIRONMENT | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode != 0:
        raise RuntimeError(
            f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}"
        )
    return done.stdout.strip()
