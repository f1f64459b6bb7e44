"""The engine with torch in several threads at once."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from model.storage import checkpoint
from service.loading import load_engine
from service.serial import SerialThread
from service.settings import Settings
from service.torch_device import NICENESS
from service.torch_engine import TorchEngine
from tests.model.conftest import make_network
from tests.service.test_torch_engine import restored
from tools.fakes import photo


def tasks():
    """Numbers of the process's threads."""
    return {int(task.name) for task in Path("/proc/self/task").iterdir()}


@pytest.fixture(scope="module")
def engine():
    return TorchEngine(make_network(4, 2), device="cpu", precision="fp32")


def test_a_lane_has_its_cores_to_itself_and_gives_way_to_other_threads(engine):
    def enter(lanes):
        engine.enter(lanes)
        return torch.get_num_threads(), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = os.getpriority(os.PRIO_PROCESS, 0)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        calls = [one.submit(enter, 2), two.submit(enter, 1), one.submit(enter, 3)]
        threads, priorities = zip(*(call.result() for call in calls), strict=True)
    assert threads == (2, 1, 3)
    if sys.platform == "linux":
        assert priorities == (min(19, before + NICENESS),) * 3
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_lanes_at_once_restore_as_one_after_the_other(engine):
    pictures = [photo(40 + 8 * seed, 56, seed) for seed in range(6)]
    weights = [(seed / 6, 0.3) for seed in range(6)]
    alone = [
        restored(engine, picture, weights=blend)
        for picture, blend in zip(pictures, weights, strict=True)
    ]

    def restore(picture, blend):
        engine.enter(1)
        return restored(engine, picture, weights=blend)

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            for one, expected in zip(pool.map(restore, pictures, weights), alone, strict=True):
                np.testing.assert_allclose(one.astype(int), expected, atol=1)


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform != "linux", reason="niceness is a thread's own on Linux alone")
async def test_what_torch_starts_for_a_lane_gives_way_too(tmp_path):
    network = make_network()
    checkpoint.save_base(network, tmp_path, name="tiny", licence="", provenance={})
    checkpoint.save_estimator(network, tmp_path, provenance={})
    before, own = tasks(), os.getpriority(os.PRIO_PROCESS, 0)
    lane = SerialThread("lane")
    settings = Settings(model_path=tmp_path, device="cpu", threads=3)
    engine = await lane.call(load_engine, settings)
    await lane.call(engine.enter, engine.info.lanes)
    await lane.call(engine.warm_up)
    started = tasks() - before
    lane.stop()
    assert engine.info.lanes == 3
    assert len(started) >= 3
    assert {os.getpriority(os.PRIO_PROCESS, task) for task in started} == {min(19, own + NICENESS)}
