"""The images that the container tests run: pulled where a registry answers, else built here."""

import hashlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from service import __version__
from tools.containers.engine import ENVIRONMENT, ROOT, podman

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE_FILE = (ROOT / "docker-compose.yml").read_text()
PREFIX = "localhost/abair-test"
ABAIR = f"{PREFIX}/abair:cpu"
MIRROR = "http://deb.debian.org/debian"


@dataclass(frozen=True)
class Debian:
    """A base made from Debian's packages.

    Args:
        suite: Debian's name of the release.
        packages: What is installed beside the minimum.
        changes: Dockerfile instructions for podman import, such as USER and ENTRYPOINT.
        hooks: Shell commands; ``$1`` is the new root.
    """

    suite: str
    packages: tuple[str, ...]
    changes: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()


PYTHON = Debian("bookworm", ("python3", "python3-venv", "ca-certificates"))
"""Stands in for the base that the Dockerfile names; it has Python 3.11 too."""

BALANCER = Debian(
    "forky",  # HAProxy 3.2, as in the compose file; bookworm has 2.6
    ("haproxy", "wget"),
    (
        "USER haproxy",
        "STOPSIGNAL SIGUSR1",
        'ENTRYPOINT ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]',
    ),
)
"""Stands in for haproxy:3.2-alpine."""

PROMETHEUS = Debian(
    "forky",  # Prometheus 3.5, as in the compose file; bookworm has 2.42
    ("prometheus",),
    ("USER nobody", "VOLUME /prometheus", 'ENTRYPOINT ["prometheus"]'),
    ('mkdir "$1/prometheus"', 'chown 65534 "$1/prometheus"'),
)
"""Stands in for prom/prometheus:v3.5.0."""


def labels() -> dict[str, str]:
    """Return the build arguments for the labels: the project's version and the commit."""
    git = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)
    return {"VERSION": __version__, "REVISION": done.stdout.strip() or "unknown"}


def pulled_or_made(image: str, name: str, debian: Debian) -> str:
    """Return the name of a local image: ``image`` if it can be pulled, else one made of Debian.

    Args:
        image: As a registry names it.
        name: Of the local image that stands in for it.
        debian: How that one is made.
    """
    if podman("pull", "--quiet", image, check=False):
        return image
    own = f"{PREFIX}/{name}:{debian.suite}"
    if podman("images", "--quiet", own):
        return own
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "root.tar"
        excluded = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
        command = [
            *("mmdebstrap", "--quiet", "--variant=minbase"),
            # A mirror may be a snapshot, whose lists have expired.
            '--aptopt=Acquire::Check-Valid-Until "false"',
            f"--include={','.join(debian.packages)}",
            *(f"--dpkgopt=path-exclude={path}" for path in excluded),
            *(f"--customize-hook={hook}" for hook in debian.hooks),
            *(debian.suite, str(archive), MIRROR),
        ]
        subprocess.run(command, env=ENVIRONMENT, check=True)
        changes = [word for change in debian.changes for word in ("--change", change)]
        podman("import", *changes, str(archive), own)
    return own


def default(text: str, pattern: str) -> str:
    """Return the image that a file names as its default."""
    (found,) = re.findall(pattern, text, flags=re.MULTILINE)
    return str(found)


def base() -> str:
    """Return the base of the image: the Dockerfile's own, or Debian with Python."""
    image = default(DOCKERFILE, r"^ARG BASE=(\S+)$")
    return pulled_or_made(f"docker.io/library/{image}", "python", PYTHON)


def balancer() -> str:
    """Return an image with HAProxy."""
    image = default(COMPOSE_FILE, r"\$\{ABAIR_BALANCER_IMAGE:-([^}]+)\}")
    return pulled_or_made(f"docker.io/library/{image}", "balancer", BALANCER)


def prometheus() -> str:
    """Return an image with Prometheus."""
    image = default(COMPOSE_FILE, r"\$\{ABAIR_PROMETHEUS_IMAGE:-([^}]+)\}")
    return pulled_or_made(f"docker.io/{image}", "prometheus", PROMETHEUS)


def abair(base_image: str) -> str:
    """Build the image of the Dockerfile for the CPU, unless one of the same inputs is there.

    Args:
        base_image: A local image with Python.

    Returns:
        The name of the image.
    """
    arguments = {"BASE": base_image, **labels()}
    known = inputs(base_image, arguments)
    given = f'{{{{index .Labels "{INPUTS}"}}}}'
    if podman("image", "inspect", "--format", given, ABAIR, check=False) == known:
        return ABAIR
    with tempfile.TemporaryDirectory() as folder:
        settings, mounts, wheels = pip_settings()
        configuration = Path(folder) / "pip.conf"
        configuration.write_text(settings)
        volumes = [f"{configuration}:/etc/pip.conf:ro", *(f"{path}:{path}:ro" for path in mounts)]
        if any(next(path.glob("torch-*+cpu-*.whl"), None) for path in wheels):
            arguments["TORCH_INDEX"] = ""  # pip finds the CPU wheel that lies on this machine
        chosen = [f"{name}={value}" for name, value in arguments.items()]
        podman(
            *("build", "--network", "host", "--format", "docker", "--layers", "--tag", ABAIR),
            *("--label", f"{INPUTS}={known}"),
            *(word for volume in volumes for word in ("--volume", volume)),
            *(word for argument in chosen for word in ("--build-arg", argument)),
            ".",
        )
    return ABAIR


INPUTS = "abair.test.inputs"
"""Label with a digest of everything that the image is made of."""


def inputs(base_image: str, arguments: dict[str, str]) -> str:
    """Return a digest of base, arguments and every file that the Dockerfile copies."""
    digest = hashlib.sha256(podman("images", "--quiet", "--no-trunc", base_image).encode())
    digest.update(repr(sorted(arguments.items())).encode())
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [ROOT / rule[1:] for rule in rules if rule.startswith("!")]
    for path in sorted([ROOT / "Dockerfile", *copied]):
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and file.parent.name != "__pycache__":
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def pip_settings() -> tuple[str, list[str], list[Path]]:
    """Return what pip needs to reach packages from here, for a build in a container.

    Returns:
        Text of a pip.conf, the local files and folders it names, and those that hold wheels.
    """
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    lines, mounts, wheels = ["[global]"], [], []
    for name, value in re.findall(
        r"^(?:\S*\.)?(index-url|find-links|cert|trusted-host)='(.*)'$", listed, re.M
    ):
        if f"{name} = {value}" in lines:
            continue
        lines.append(f"{name} = {value}")
        if value.startswith("/"):
            mounts.append(value)
        if name == "find-links" and Path(value).is_dir():
            wheels.append(Path(value))
    return "\n".join(lines) + "\n", mounts, wheels
