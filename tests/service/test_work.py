import numpy as np

from service.engine import RestoreTask
from service.work import RestoreWork, unit
from tests.service.fakes import FakeEngine, FakeTile, photo

ENGINE = FakeEngine()


def restoring(pixels, engine=ENGINE):
    tile = FakeTile((0, 0, 40, 56), (0, 0, 40, 56))
    return unit(RestoreWork(engine, RestoreTask(pixels, tile, None, None), pixels))


def test_tiles_share_a_batch_if_their_sizes_and_types_are_equal():
    eight, sixteen = restoring(photo()), restoring(photo().astype(np.uint16))
    assert eight.bucket == restoring(photo(seed=1)).bucket
    assert eight.bucket != sixteen.bucket
    assert eight.cost == sixteen.cost == 40 * 56


def test_engines_share_no_batch():
    assert restoring(photo()).bucket != restoring(photo(), FakeEngine()).bucket
