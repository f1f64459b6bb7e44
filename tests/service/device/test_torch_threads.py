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
from service.concurrency.serial_thread import SerialThread
from service.device.load_engine import load_engine
from service.device.torch_device import NICENESS
from service.device.torch_engine import TorchEngine
from service.settings import Settings
from tests.model.conftest import make_network
from tests.service.device.test_torch_engine import restored
from tools.fakes import photo


def tasks():
    """Numbers of the process's threads."""
    return {int(task.name) for task in Path("/proc/self/task").iterdir()}


@pytest.fixture(scope="module")
def engine():
    return TorchEngine(make_network(4, 2), device="cpu", precision="fp32")


def test_a_thread_has_its_cores_and_a_lower_priority_than_other_threads(engine):
    def enter(count):
        engine.use_threads(count)
        return torch.get_num_threads(), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = os.getpriority(os.PRIO_PROCESS, 0)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        calls = [one.submit(enter, 2), two.submit(enter, 1), one.submit(enter, 3)]
        threads, priorities = zip(*(call.result() for call in calls), strict=True)
    assert threads == (2, 1, 3)
    if sys.platform == "linux":
        assert priorities == (min(19, before + NICENESS),) * 3
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_threads_at_once_restore_as_one_after_the_other(engine):
    pictures = [photo(40 + 8 * seed, 56, seed) for seed in range(6)]
    weights = [(seed / 6, 0.3) for seed in range(6)]
    alone = [
        restored(engine, picture, weights=blend)
        for picture, blend in zip(pictures, weights, strict=True)
    ]

    def restore(picture, blend):
        engine.use_threads(1)
        return restored(engine, picture, weights=blend)

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            for one, expected in zip(pool.map(restore, pictures, weights), alone, strict=True):
                np.testing.assert_allclose(one.astype(int), expected, atol=1)


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform != "linux", reason="niceness is a thread's own on Linux alone")
async def test_helper_threads_of_torch_have_a_lower_priority_too(tmp_path):
    restorer = make_network()
    checkpoint.save_base(restorer, tmp_path, name="tiny", licence="", provenance={})
    checkpoint.save_estimator(restorer, tmp_path, provenance={})
    before, own = tasks(), os.getpriority(os.PRIO_PROCESS, 0)
    thread = SerialThread("device")
    settings = Settings(model_path=tmp_path, device="cpu", threads=3)
    engine = await thread.call(load_engine, settings)
    await thread.call(engine.use_threads, engine.info.threads)
    for side in engine.warm_up_sides:
        await thread.call(engine.warm_up, side)
    started = tasks() - before
    thread.stop()
    assert engine.info.threads == 3
    assert len(started) >= 3
    assert {os.getpriority(os.PRIO_PROCESS, task) for task in started} == {min(19, own + NICENESS)}
