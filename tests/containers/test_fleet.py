"""Two replicas and the balancer in containers: what callers get while replicas come, go and die."""

import json
import subprocess
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.containers.callers import under_load
from tests.containers.conftest import MAXCONN
from tests.deploy.load import HEADERS, PICTURE
from tools.containers.engine import COMPOSE, ENVIRONMENT, ROOT, podman
from tools.containers.stack import PROJECT, Stack, health, inspected, logs, process_of, wait

pytestmark = pytest.mark.anyio

NETWORK = f"{PROJECT}_inside"


def ready(id_: str) -> bool:
    """Whether a replica says that it accepts pictures."""
    return '"status":"ready"' in podman("exec", id_, "abair", "health", "--ready", check=False)


def served(stack: Stack) -> list[int]:
    """How many pictures each of the balancer's places for replicas answered, most first."""
    counts = (
        stack.balancer_metric(
            f'haproxy_server_http_responses_total{{proxy="pictures",server="replica{i}",code="2xx"}}'
        )
        for i in range(1, 5)
    )
    return sorted((int(count) for count in counts), reverse=True)


async def test_the_load_is_spread(stack: Stack, measured):
    before = served(stack)
    outcomes = await under_load(stack.port, lambda: None, after=10)
    counts = sorted((b - a for a, b in zip(before, served(stack), strict=True)), reverse=True)
    measured(f"{outcomes}; by replica {counts[:2]}")
    assert outcomes.failures == []
    assert min(counts[:2]) >= outcomes.answered / 4


async def test_a_third_replica_joins_and_leaves_under_load(stack: Stack, measured):
    def third() -> None:
        stack.scale(3)
        stack.sees(3)
        (last,) = (
            id_ for id_ in stack.ids("replica") if inspected(id_)["Name"].endswith("replica_3")
        )
        podman("stop", "--time", "130", last)
        podman("rm", last)
        stack.sees(2)

    outcomes = await under_load(stack.port, third)
    measured(str(outcomes))
    assert outcomes.failures == []


async def test_a_killed_replica_loses_only_what_it_had(stack: Stack, measured):
    def kill() -> None:
        (doomed, _) = stack.ids("replica")
        podman("kill", doomed)
        stack.sees(1)

    outcomes = await under_load(stack.port, kill, after=15)
    measured(f"{outcomes}; a replica has {MAXCONN} pictures at once")
    # Those it had, and once more as many: a dying process still takes connections for an instant.
    assert len(outcomes.failures) <= 2 * MAXCONN
    assert all(problem["code"] in ("replica_lost", "unavailable") for problem in outcomes.problems)
    assert all(problem["hint"] for problem in outcomes.problems)


async def test_every_replica_is_replaced_without_a_failure_by_one_command(stack: Stack, measured):
    old = set(stack.ids("replica"))

    def roll() -> None:
        compose = " ".join(COMPOSE)
        chosen = {"ENGINE": "podman", "COMPOSE": compose, "PROJECT": PROJECT}
        done = subprocess.run(
            [ROOT / "docker" / "roll.sh"],
            cwd=ROOT,
            env=ENVIRONMENT | stack.variables | chosen,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    outcomes = await under_load(stack.port, roll, callers=3)
    measured(str(outcomes))
    new = set(stack.ids("replica"))
    assert outcomes.failures == []
    assert len(new) == len(old) == 2
    assert not new & old


def test_a_roll_to_an_image_that_never_gets_ready_keeps_the_old_replicas(stack: Stack):
    old = set(stack.ids("replica"))
    broken = stack.variables | {"ABAIR_IMAGE": stack.variables["ABAIR_BALANCER_IMAGE"]}
    chosen = {"ENGINE": "podman", "COMPOSE": " ".join(COMPOSE), "PROJECT": PROJECT, "PATIENCE": "3"}
    done = subprocess.run(
        [ROOT / "docker" / "roll.sh"],
        cwd=ROOT,
        env=ENVIRONMENT | broken | chosen,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "a new replica is not ready" in done.stderr
    assert set(stack.ids("replica")) == old
    assert stack.active() == 2


async def test_a_replica_started_again_at_its_address_refuses_nobody(stack: Stack, measured):
    """The quick way: a replica is stopped, and at once another start has its address."""

    def again() -> None:
        for id_ in stack.ids("replica"):
            address = inspected(id_)["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
            podman("stop", "--time", "130", id_)
            podman("network", "disconnect", NETWORK, id_)
            podman("network", "connect", "--ip", address, "--alias", "replicas", NETWORK, id_)
            podman("start", id_)
            now = inspected(id_)["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
            assert now == address
            wait(partial(ready, id_), "ready again")
            stack.sees(2)

    outcomes = await under_load(stack.port, again, callers=3)
    measured(str(outcomes))
    assert outcomes.failures == []


async def test_a_replica_killed_for_its_memory_comes_back_and_callers_are_told(
    stack: Stack, measured
):
    (doomed, _) = stack.ids("replica")
    first = inspected(doomed)["State"]["Pid"]

    def exhaust() -> None:
        # The kernel ends the process with the highest score: the service, not `tail`.
        (process_of(doomed) / "oom_score_adj").write_text("1000")
        podman("exec", doomed, "tail", "/dev/zero", check=False)
        wait(lambda: inspected(doomed)["State"]["Pid"] not in (0, first), "started again")
        stack.sees(2)

    outcomes = await under_load(stack.port, exhaust)
    measured(f"{outcomes}; restarts {inspected(doomed)['RestartCount']}")
    assert inspected(doomed)["RestartCount"] == 1
    assert len(outcomes.failures) <= 2 * MAXCONN
    assert {problem["code"] for problem in outcomes.problems} <= {"replica_lost", "unavailable"}


async def test_the_engine_shows_a_replica_that_hangs_and_the_balancer_goes_around_it(
    stack: Stack, measured
):
    hanging, _ = stack.ids("replica")
    wait(lambda: health(hanging) == "healthy", "healthy")

    def hang() -> None:
        podman("kill", "--signal", "STOP", hanging)
        gone = stack.sees(1)
        unhealthy = wait(lambda: health(hanging) == "unhealthy", "unhealthy")
        podman("kill", "--signal", "CONT", hanging)
        wait(lambda: health(hanging) == "healthy", "healthy again")
        measured(f"out of the balancer after {gone:.1f} s, unhealthy {unhealthy:.1f} s later")
        stack.sees(2)

    outcomes = await under_load(stack.port, hang, callers=3)
    measured(str(outcomes))
    # What the hanging replica had waits for it; HAProxy drops a connection that it did not accept.
    assert len(outcomes.failures) <= 2 * MAXCONN


def test_keys_come_from_a_file_and_are_nowhere_else(stack: Stack):
    key = Path(stack.variables["ABAIR_KEYS_FILE"]).read_text().strip()
    url = f"http://127.0.0.1:{stack.port}/restore"
    refused = httpx.post(url, content=PICTURE, headers=HEADERS, timeout=60)
    assert (refused.status_code, refused.json()["code"]) == (401, "key_missing")
    assert (
        httpx.post(
            url, content=PICTURE, headers=HEADERS | {"X-API-Key": key}, timeout=60
        ).status_code
        == 200
    )
    for id_ in stack.ids("replica"):
        assert key not in str(inspected(id_))
        assert podman("exec", id_, "cat", "/run/secrets/api_keys") == key


def test_every_line_of_the_log_is_json_and_tells_the_callers_request_id(stack: Stack):
    key = Path(stack.variables["ABAIR_KEYS_FILE"]).read_text().strip()
    headers = HEADERS | {"X-API-Key": key, "X-Request-Id": "from-the-caller"}
    httpx.post(
        f"http://127.0.0.1:{stack.port}/restore", content=PICTURE, headers=headers, timeout=60
    )
    both = [line for id_ in stack.ids("replica") for line in logs(id_).splitlines()]
    lines = [json.loads(line) for line in both]
    assert all(line["event"] and line["level"] and line["timestamp"] for line in lines)
    assert "from-the-caller" in {line.get("request_id") for line in lines}
