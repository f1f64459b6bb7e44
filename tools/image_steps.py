"""The Dockerfile's build steps without a container engine: ``python -m tools.image_steps``.

Runs the first stage's RUN and COPY in a new folder, with its paths where the image's would be, then
serves from what came of it and asks ``abair health``. Downloads what a build downloads;
the variable ``TORCH_INDEX`` is the build argument, empty where pip finds a torch by itself.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.fleet.processes import ROOT, free_port

DOCKERFILE = (ROOT / "Dockerfile").read_text()
PATIENCE = 120
"""Seconds until the service has to be ready."""


def steps() -> list[tuple[str, str]]:
    """Return the first stage's instructions that change its file system."""
    stage = re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)[1]
    found = re.findall(r"^(RUN|COPY) +((?:.*\\\n)*.*)$", stage, flags=re.MULTILINE)
    return [(name, text.replace("\\\n", " ")) for name, text in found]


def build(root: Path, environment: dict[str, str]) -> None:
    """Take the steps in ``root``."""
    work = root / "build"
    work.mkdir()
    for name, text in steps():
        sys.stdout.write(f"{name} {text}\n")
        if name == "COPY":
            *sources, target = text.split()
            for source in sources:
                _copy(ROOT / source, work / target / source if target == "./" else work / target)
        else:
            command = text.replace("/opt/", f"{root}/opt/")
            subprocess.run(["sh", "-eu", "-c", command], cwd=work, env=environment, check=True)
    # The second stage's COPY instructions.
    shutil.copytree(root / "opt" / "code", root / "opt" / "abair", dirs_exist_ok=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def serve(root: Path) -> None:
    """Serve from what was built until it is ready, then end it; both must go well."""
    abair = str(root / "opt" / "abair" / "bin" / "abair")
    environment = {"PATH": "/usr/bin:/bin", "ABAIR_PORT": str(free_port())}
    service = subprocess.Popen([abair, "serve"], cwd="/", env=environment)
    try:
        health = [abair, "health", "--ready"]
        for _ in range(PATIENCE):
            if service.poll() is not None:
                raise RuntimeError(f"the service ended with {service.returncode}")
            if (
                subprocess.run(health, cwd="/", env=environment, capture_output=True).returncode
                == 0
            ):
                break
            time.sleep(1)
        else:
            raise RuntimeError("the service never became ready")
    finally:
        service.terminate()
    if service.wait(PATIENCE) != 0:
        raise RuntimeError(f"the service ended with {service.returncode}")


def main() -> None:
    """Build and serve in a folder that is removed afterwards."""
    (index,) = re.findall(r"^ARG TORCH_INDEX=(\S+)$", DOCKERFILE, flags=re.MULTILINE)
    environment = {"TORCH_INDEX": index, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **os.environ}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        build(root, environment)
        size = sum(path.lstat().st_size for path in (root / "opt").rglob("*") if path.is_file())
        serve(root)
    sys.stdout.write(f"built and served; /opt/abair has {size / 1e6:.0f} MB\n")


if __name__ == "__main__":
    main()
