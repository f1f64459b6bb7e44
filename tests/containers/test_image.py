"""The image: what it is, what it may, what it costs."""

import json
import time

import pytest

from tools.containers.engine import podman
from tools.containers.images import labels
from tools.containers.stack import Stack, health, logs, process_of, wait


def test_it_is_near_one_gigabyte_with_the_torch_of_a_cpu(image, measured):
    (told,) = json.loads(podman("image", "inspect", image))
    measured(f"{told['Size'] / 1e6:.0f} MB")
    assert told["Size"] < 1.5e9
    program = "import torch; print(torch.version.cuda)"
    assert podman("run", "--rm", "--entrypoint", "python", image, "-c", program) == "None"


def test_its_labels_have_the_projects_version_and_the_commit(image):
    (told,) = json.loads(podman("image", "inspect", image))
    given = told["Labels"]
    assert given["org.opencontainers.image.version"] == labels()["VERSION"]
    assert given["org.opencontainers.image.revision"] == labels()["REVISION"]


def test_a_container_of_it_is_soon_ready_and_ends_with_zero(image, measured):
    hardened = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    limits = ("--memory", "3g", "--cpus", "1")
    started = time.monotonic()
    id_ = podman("run", "--detach", *hardened, *limits, image)
    try:
        wait(lambda: '"event": "ready"' in logs(id_), "ready")
        ready = time.monotonic() - started
        assert health(id_) == "healthy"
        stopping = time.monotonic()
        podman("stop", "--time", "130", id_)
        stopped = time.monotonic() - stopping
        assert podman("inspect", "--format", "{{.State.ExitCode}}", id_) == "0"
    finally:
        podman("rm", "--force", id_)
    measured(f"ready after {ready:.1f} s, stopped after {stopped:.1f} s with exit code 0")


def test_a_replica_may_write_nowhere_and_has_no_rights(stack: Stack):
    for id_ in stack.ids("replica"):
        for folder in ("/", "/opt/abair", "/run/secrets"):
            told = podman("exec", id_, "sh", "-c", f"touch {folder}/x 2>&1; true")
            assert "Read-only file system" in told or "Permission denied" in told
        mounts = (process_of(id_) / "mounts").read_text().splitlines()
        (root,) = [line.split() for line in mounts if line.split()[1] == "/"]
        assert root[3].split(",")[0] == "ro"
        status = dict(
            line.split(":\t", 1) for line in (process_of(id_) / "status").read_text().splitlines()
        )
        assert status["Uid"].split() == ["10001"] * 4
        assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")} == {0}
        assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("service", ["balancer", "prometheus"])
def test_what_stands_beside_it_has_no_rights_either(stack: Stack, service):
    (id_,) = stack.ids(service)
    status = (process_of(id_) / "status").read_text()
    assert "CapEff:\t0000000000000000" in status
    assert "Uid:\t0\t" not in status
