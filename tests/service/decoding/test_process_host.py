"""Decoding in processes: the same pictures as here, and nothing else can come out of them."""

import os
import pickle
import socket
import threading

import numpy as np
import pytest

from model.pictures import PictureError, decode, read_header
from model.pictures.cost import decode_bytes
from service.concurrency.stop_signal import StoppedError, StopSignal
from service.decoding.decode_limits import DecodeLimits, decode_limits
from service.decoding.process_host import DecoderEndedError, DecodingHost, MemoryLimitError
from service.decoding.socket_frames import (
    EndedError,
    Failure,
    receive_answer,
    receive_request,
    send,
)
from tests.service.decoding.hostile_decoding import CRASH, HANG, SPIN, SWELL
from tools.fakes import file_of, photo
from tools.picture_files import kinds

AMPLE = DecodeLimits(seconds=60, memory=2**30)


@pytest.fixture(scope="module")
def worker():
    host = DecodingHost()
    made = host.decoder()
    yield made
    made.close()
    host.close()


@pytest.fixture
def hostile():
    host = DecodingHost("tests.service.decoding.hostile_decoding")
    made = host.decoder()
    yield made
    made.close()
    host.close()


def faulty(fault):
    pixels = photo()
    pixels[0, 0, 0] = fault
    return file_of(pixels)


def test_a_broken_file_is_told_as_this_process_tells_it(worker):
    data = file_of(photo())[:500]
    with pytest.raises(PictureError) as here:
        decode(data)
    with pytest.raises(type(here.value)) as there:
        worker.decode(data, AMPLE, metadata="keep", stop=StopSignal())
    assert str(there.value) == str(here.value)
    assert there.value.hint == here.value.hint


@pytest.mark.parametrize("name", kinds())
def test_a_process_decodes_every_kind_as_this_one_does(worker, name):
    data = kinds()[name]
    header, here = read_header(data), decode(data)
    limits = decode_limits(header, len(data), decode_bytes(header), 2.0)
    there = worker.decode(data, limits, metadata="keep", stop=StopSignal())
    for field in vars(here):
        ours, theirs = getattr(here, field), getattr(there, field)
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs, strict=True)
            assert theirs.flags.writeable
        else:
            assert type(ours) is type(theirs)
            assert ours == theirs


def test_a_large_legal_picture_keeps_within_its_limits(worker):
    data = file_of(photo(2500, 2500), "WEBP", lossless=True, method=0)
    header = read_header(data)
    limits = decode_limits(header, len(data), decode_bytes(header), 2.0)
    there = worker.decode(data, limits, metadata="keep", stop=StopSignal())
    np.testing.assert_array_equal(there.rgb, photo(2500, 2500))


@pytest.mark.parametrize(
    ("fault", "limits", "error"),
    [
        (SPIN, DecodeLimits(0.3, 2**30), DecoderEndedError),
        (SWELL, DecodeLimits(60, 2**27), MemoryLimitError),
        (CRASH, AMPLE, DecoderEndedError),
    ],
)
def test_a_fault_is_told_and_the_next_picture_decoded(hostile, fault, limits, error):
    with pytest.raises(error) as told:
        hostile.decode(faulty(fault), limits, metadata="keep", stop=StopSignal())
    assert getattr(told.value, "took_too_long", False) == (fault == SPIN)
    good = hostile.decode(file_of(photo()), AMPLE, metadata="keep", stop=StopSignal())
    np.testing.assert_array_equal(good.rgb, photo())


def test_a_picture_that_nobody_waits_for_is_stopped(hostile):
    stop = StopSignal()
    timer = threading.Timer(0.5, stop.set)
    timer.start()
    with pytest.raises(StoppedError):
        hostile.decode(faulty(HANG), AMPLE, metadata="keep", stop=stop)
    timer.join()
    with pytest.raises(StoppedError):
        hostile.decode(file_of(photo()), AMPLE, metadata="keep", stop=stop)
    assert hostile.decode(file_of(photo()), AMPLE, metadata="keep", stop=StopSignal()).rgb.size


def test_a_host_that_died_is_started_again():
    host = DecodingHost("tests.service.decoding.hostile_decoding")
    worker = host.decoder()
    try:
        host.start()
        first = host.process_id
        os.kill(first, 9)
        assert worker.decode(file_of(photo()), AMPLE, metadata="keep", stop=StopSignal()).rgb.size
        assert host.process_id != first
    finally:
        worker.close()
        host.close()


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize(
    "value", [Evil(), os.getpid, pickle.Unpickler, Failure.__init__, threading.Thread]
)
def test_a_frame_can_make_nothing_but_pictures(value):
    ours, theirs = socket.socketpair()
    with ours, theirs, theirs.makefile("rb") as stream:
        send(ours, value)
        with pytest.raises(ValueError, match="frame"):
            receive_answer(stream)


def test_a_frame_that_ends_early_is_told():
    ours, theirs = socket.socketpair()
    with theirs, theirs.makefile("rb") as stream:
        with ours:
            ours.sendall(b"\1\0\0")
        with pytest.raises(EndedError):
            receive_request(stream)
