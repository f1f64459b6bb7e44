"""The image and the compose file in a container engine, where ``make test-containers`` asks."""

import os
from collections.abc import Iterator

import pytest

from tests.containers.callers import KEY
from tools.containers import images
from tools.containers.engine import why_not
from tools.containers.stack import Stack

MEASURED: list[str] = []


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def measured(request: pytest.FixtureRequest):
    """Takes a line for the end of the run, beside the name of the test."""
    return lambda line: MEASURED.append(f"{request.node.name}: {line}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if MEASURED:
        terminalreporter.section("measured in containers")
    for line in MEASURED:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def image() -> str:
    if os.environ.get("TEST_CONTAINERS") != "1":
        pytest.skip("containers are tested by `make test-containers`, which builds images first")
    if reason := why_not():
        pytest.skip(f"no container can run here: {reason}")
    return images.abair(images.base())


@pytest.fixture(scope="session")
def running(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole compose project, with a key, three gibibytes and one core for each replica."""
    folder = tmp_path_factory.mktemp("secrets")
    keys, metrics_key = folder / "api_keys", folder / "metrics_key"
    keys.write_text(KEY + "\n")
    metrics_key.write_text(KEY)
    for path in (folder, keys, metrics_key):
        os.chown(path, 10001, 10001)
    metrics_key.chmod(0o644)  # for Prometheus, another user
    stack = Stack(
        {
            "ABAIR_IMAGE": image,
            "ABAIR_BALANCER_IMAGE": images.balancer(),
            "ABAIR_PROMETHEUS_IMAGE": images.prometheus(),
            "ABAIR_KEYS_FILE": str(keys),
            "ABAIR_METRICS_KEY_FILE": str(metrics_key),
            "ABAIR_CPUS": "1",
            "ABAIR_MEMORY": "3g",
            "ABAIR_MAXCONN": str(MAXCONN),
        }
    )
    stack.down()  # what a run that was cut off left
    stack.up()
    yield stack
    stack.down()


MAXCONN = 3
"""Pictures that the balancer sends to one replica at once."""


@pytest.fixture
def stack(running: Stack) -> Stack:
    """The project with two replicas that the balancer sends pictures to."""
    running.settle(2)
    return running
