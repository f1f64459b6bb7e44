import numpy as np

from service.device.engine import Removal, RestoreTask, SegmentTask
from service.device.units_of_work import RestoreWork, SegmentWork, unit_of
from tools.fakes import FakeEngine, FakeTile, photo

ENGINE = FakeEngine()


def restoring(pixels, engine=ENGINE, crop=(0, 0, 40, 56)):
    task = RestoreTask(pixels, FakeTile(crop, (0, 0, 40, 56)), None, Removal(()))
    return unit_of(RestoreWork(engine, task, pixels))


def test_tiles_share_a_batch_if_their_sizes_and_types_are_equal():
    eight, sixteen = restoring(photo()), restoring(photo().astype(np.uint16))
    assert eight.batch_key == restoring(photo(seed=1)).batch_key
    assert eight.batch_key != sixteen.batch_key
    assert eight.cost == sixteen.cost == 40 * 56
    taller, wider = restoring(photo(), crop=(0, 0, 56, 56)), restoring(photo(), crop=(8, 0, 48, 64))
    turned = restoring(photo(), crop=(0, 0, 56, 40))
    assert len({one.batch_key for one in (eight, taller, wider, turned)}) == 4


def test_restoring_and_segmenting_share_no_batch():
    task = SegmentTask(photo(), FakeTile((0, 0, 40, 56), (0, 0, 40, 56)), None)
    mapping = unit_of(
        SegmentWork(ENGINE, task, photo()[:, :, 0], np.empty((0, 40, 56), np.float16))
    )
    assert mapping.batch_key != restoring(photo()).batch_key
    assert mapping.cost == 40 * 56


def test_engines_share_no_batch():
    assert restoring(photo()).batch_key != restoring(photo(), FakeEngine()).batch_key
