import dataclasses
import itertools
import multiprocessing
import time

import cv2
import pytest
import torch

from model.training.data import Batches
from model.training.stream import stream
from tests.model.training.conftest import MIX


def test_a_stream_that_starts_later_gives_what_the_first_would_have(sources):
    batches = Batches(sources, MIX, seed=0)
    early, late = stream(batches, 0, workers=0), stream(batches, 2, workers=0)
    next(early), next(early)
    assert torch.equal(next(early).degraded, next(late).degraded)


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_give_what_the_trainer_alone_would_make(workers, sources):
    mix = dataclasses.replace(MIX, batch=2, crops=2)
    batches = Batches(sources, mix, seed=0)
    for step, batch in zip(range(4, 16), stream(batches, 4, workers=workers), strict=False):
        for made, alone in zip(batch.tensors(), batches[step].tensors(), strict=True):
            assert torch.equal(made, alone)


def test_a_batch_stays_as_it_is_until_the_next_is_asked_for(sources):
    ahead = stream(Batches(sources, MIX, seed=0), 0, workers=1)
    for batch in itertools.islice(ahead, 5):
        before = batch.degraded.clone()
        time.sleep(0.1)  # in which the worker, that is ahead, makes others
        assert torch.equal(batch.degraded, before)


def test_a_worker_that_fails_ends_the_training_with_an_error(sources):
    class Failing(Batches):
        def __getitem__(self, step):
            if step == 3:
                raise ValueError("no third picture")
            return super().__getitem__(step)

    ahead = stream(Failing(sources, MIX, seed=0), 0, workers=2)
    for _ in range(3):
        next(ahead)
    with pytest.raises(RuntimeError, match="ended with exit code 1"):
        next(ahead)


def test_closing_a_stream_ends_its_workers(sources):
    ahead = stream(Batches(sources, MIX, seed=0), 0, workers=2)
    next(ahead)
    workers = multiprocessing.active_children()
    assert len(workers) == 2
    ahead.close()
    assert not any(worker.is_alive() for worker in workers)


def test_making_batches_leaves_the_threads_of_opencv_to_the_caller(sources):
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        assert len(Batches(sources, MIX, seed=0)[0].degraded) == MIX.batch
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)
