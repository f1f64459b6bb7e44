from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.fleet.fleet import Fleet


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    running = Fleet(tmp_path)
    yield running
    running.close()
