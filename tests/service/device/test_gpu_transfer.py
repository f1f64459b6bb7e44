"""Pinned staging on a double of a card, whose copies happen as late as a card's may."""

import contextlib

import numpy as np
import pytest
import torch

from service.device.gpu_transfer import BUFFERS, Staging


class Event:
    """Fires when it is waited for, and not before."""

    def __init__(self):
        self.pending = []

    def record(self, stream):
        self.pending, stream.queued = [*self.pending, *stream.queued], []

    def synchronize(self):
        for copy in self.pending:
            copy()
        self.pending = []


class Stream:
    def __init__(self):
        self.queued, self.waited = [], []

    def wait_event(self, event):
        self.waited.append(event)
        event.synchronize()

    def wait_stream(self, stream):
        self.waited.append(stream)


class Card:
    """Stands for ``torch.cuda``."""

    def __init__(self):
        self.computing = Stream()
        self.entered = []

    def Stream(self):  # noqa: N802 - torch's name
        self.copying = Stream()
        return self.copying

    def Event(self):  # noqa: N802
        return Event()

    def current_stream(self):
        return self.computing

    @contextlib.contextmanager
    def stream(self, stream):
        self.entered.append(stream)
        yield


@pytest.fixture
def card(monkeypatch):
    """A card whose copies read and write the host's memory when their event fires."""
    card = Card()

    plain, plain_copy = torch.Tensor.to, torch.Tensor.copy_

    def to(self, *args, non_blocking=False):
        if not non_blocking:
            return plain(self, *args)
        there = torch.empty_like(self)
        card.copying.queued.append(lambda: there.copy_(self))
        return there

    def copy_(self, source, non_blocking=False):
        if not non_blocking:
            return plain_copy(self, source)
        card.copying.queued.append(lambda: plain_copy(self, source))
        return self

    monkeypatch.setattr(torch.Tensor, "to", to)
    monkeypatch.setattr(torch.Tensor, "copy_", copy_)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda *_: None)
    return card


def crops(value, count=2):
    return [torch.full((3, 4, 5), value + index, dtype=torch.uint8) for index in range(count)]


def staging(card):
    return Staging(torch.device("cpu"), card, pinned=False)


def test_crops_arrive_as_one_batch_and_the_computing_waits_for_them(card):
    there = staging(card).upload(crops(7))
    assert there.shape == (2, 3, 4, 5)
    assert there[0].unique().tolist() == [7]
    assert there[1].unique().tolist() == [8]
    assert len(card.computing.waited) == 1
    assert card.entered == [card.copying]


def test_a_buffer_is_not_filled_again_before_its_copy_is_done(card, monkeypatch):
    monkeypatch.setattr(Stream, "wait_event", lambda *_: None)  # the computing is late
    stage = staging(card)
    batches = [stage.upload(crops(10 * number)) for number in range(BUFFERS + 3)]
    for _ in range(BUFFERS):
        stage.upload(crops(200))
    for number, batch in enumerate(batches):
        assert batch[0].unique().tolist() == [10 * number]


def test_batches_of_any_size_share_the_buffers(card):
    stage = staging(card)
    for side in (5, 900, 3, 700):
        crop = torch.randint(0, 256, (3, side, side), dtype=torch.uint8)
        assert torch.equal(stage.upload([crop])[0], crop)


def test_pictures_of_16_bits_are_carried_too(card):
    stage = staging(card)
    crop = torch.arange(60, dtype=torch.int32).view(3, 4, 5).mul(1000).to(torch.uint16)
    np.testing.assert_array_equal(stage.upload([crop])[0].numpy(), crop.numpy())
    np.testing.assert_array_equal(stage.download([crop])[0], crop.numpy())


def test_images_come_back_each_in_its_shape_and_in_memory_of_their_own(card):
    stage = staging(card)
    images = [torch.randint(0, 256, (4, 6, 3), dtype=torch.uint8) for _ in range(2)]
    first = stage.download([*images, torch.zeros(1, 2, 3, dtype=torch.uint8)])
    stage.download([torch.full((4, 6, 3), 9, dtype=torch.uint8)])
    assert [one.shape for one in first] == [(4, 6, 3), (4, 6, 3), (1, 2, 3)]
    np.testing.assert_array_equal(first[0], images[0].numpy())
    np.testing.assert_array_equal(first[1], images[1].numpy())
    assert card.copying.waited == [card.computing] * 2
