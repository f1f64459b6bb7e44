"""What was dear to read is refused or cheap now: memory and time of a process of its own."""

import pytest

from tools.bounded import Meter
from tools.hostile_files import ATTACKS

ADDRESS_SPACE = 2**30
"""Bytes that reading any of these files may add, stacks of decoders' threads included."""


@pytest.fixture(scope="module")
def meter():
    with Meter() as meter:
        yield meter


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_file_costs_little_memory_and_time(name, tmp_path, meter):
    attack, path = ATTACKS[name], tmp_path / "file"
    path.write_bytes(attack.make(1.0))
    cost = meter.cost_of(path, address_space=ADDRESS_SPACE)
    refused = cost.outcome.endswith("PictureError")
    assert refused or cost.outcome == "read", cost
    assert refused is attack.refused, cost
    assert cost.mebibytes < attack.mebibytes, cost
    assert cost.seconds < attack.seconds, cost
    assert cost.header_seconds < 0.5, cost
