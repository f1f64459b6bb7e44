"""Large pictures beside small ones: whose units run when."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from tests.service.http.test_problems import PNG
from tools.fakes import file_of, photo, picture_of, until

pytestmark = pytest.mark.anyio
LARGE = (64 * 12, 64)


def call(client, pixels):
    return asyncio.create_task(client.post("/restore", content=file_of(pixels), headers=PNG))


async def test_of_a_large_picture_two_batches_of_tiles_wait_at_most(serving, engine):
    async with serving(max_batch_items=1) as client:
        batcher, most = client.service.state.batcher, []
        submit = batcher.submit

        async def watch(unit, **options):
            most.append(batcher.queued_units)
            return await submit(unit, **options)

        batcher.submit = watch
        answer = await call(client, photo(*LARGE))
    assert answer.status_code == 200
    np.testing.assert_array_equal(picture_of(answer.content), 255 - photo(*LARGE))
    assert max(most) <= 1  # two batches of one tile: one runs or waits, the other is submitted


async def test_a_small_picture_does_not_wait_for_all_tiles_of_a_large_one(serving, engine):
    engine.delay = 0.01
    async with serving(max_batch_items=1) as client:
        large = call(client, photo(*LARGE))
        await until(lambda: ("restore", 1) in engine.batches)
        assert (await call(client, photo(16, 16))).status_code == 200
        done = [size for size in engine.restored if size == (64, 64)]
        assert len(done) < 12
        assert not large.done()
        assert (await large).status_code == 200


async def test_the_first_error_ends_the_other_tiles(serving, engine):
    faulty = photo(*LARGE)
    faulty[0, 0, 0] = 7
    engine.faults = {7: ValueError("bad")}
    async with serving(max_batch_items=1) as client:
        assert (await call(client, faulty)).status_code == 500
        assert client.service.state.batcher.queued_units == 0
    assert len(engine.restored) < 12


async def test_tiles_are_split_only_while_small_pictures_arrive(serving, engine):
    engine.info = replace(engine.info, batch_pixels=2 * 128 * 128)
    async with serving(tile=256, max_batch_items=1) as client:
        assert (await call(client, photo(512, 256))).status_code == 200
        assert set(engine.restored) == {(256, 256)}
        assert (await call(client, photo(16, 16))).status_code == 200
        engine.restored.clear()
        assert (await call(client, photo(512, 256))).status_code == 200
        assert set(engine.restored) == {(128, 128)}
