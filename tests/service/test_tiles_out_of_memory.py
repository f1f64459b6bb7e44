"""When the memory is not enough: the batch is halved, then the tile, then that picture fails."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from service.device.engine import EngineMemoryError
from tests.service.http.test_problems import PNG, check
from tools.fakes import file_of, photo, picture_of, until

pytestmark = pytest.mark.anyio


def call(client, pixels, path="/restore"):
    return client.post(path, content=file_of(pixels), headers=PNG)


def halvings(client):
    return client.service.metrics.registry.get_sample_value("restore_tiles_halved_total")


async def test_a_batch_that_does_not_fit_is_bisected(serving, engine):
    engine.room = 2 * 40 * 56
    engine.info = replace(engine.info, batch_pixels=8 * 40 * 56)
    async with serving() as client:
        batcher = client.service.state.batcher
        engine.gate.clear()
        first = asyncio.create_task(call(client, photo()))
        await until(lambda: batcher.busy_seconds)
        others = [asyncio.create_task(call(client, photo(seed=seed))) for seed in range(1, 9)]
        await until(lambda: batcher.queued_units == 8)
        engine.gate.set()
        assert {answer.status_code for answer in await asyncio.gather(first, *others)} == {200}
        assert max(engine.too_large) > 2  # a batch of several pictures did not fit
        assert halvings(client) == 0


async def test_tiles_that_do_not_fit_are_halved(serving, engine):
    degraded = photo(500, 720)
    engine.room = 160 * 160
    async with serving(tile=1024) as client:
        answer = await call(client, degraded)
        assert answer.status_code == 200
        np.testing.assert_array_equal(picture_of(answer.content), 255 - degraded)
        assert halvings(client) == 2  # from the whole, 600 a side, to 300, to 150


async def test_one_tile_that_does_not_fit_leaves_the_others_as_they_are(serving, engine):
    degraded, failed = photo(600, 900), list[tuple[int, ...]]()
    restore = engine.restore

    def once(tasks):
        if not failed and tasks[0].tile.keep[0] > 0:
            failed.append(tasks[0].tile.keep)
            raise EngineMemoryError("no room this time")
        return restore(tasks)

    engine.restore = once
    async with serving(tile=300, max_batch_items=1) as client:
        answer = await call(client, degraded)
        assert answer.status_code == 200
        np.testing.assert_array_equal(picture_of(answer.content), 255 - degraded)
        assert halvings(client) == 1
    assert len(failed) == 1
    assert engine.restored.count((300, 300)) >= 3  # those before it were not done again
    assert sum(height * width for height, width in engine.restored) == 600 * 900


async def test_a_picture_that_never_fits_fails_alone(serving, engine):
    engine.room = 90 * 90
    async with serving(tile=1024) as client:
        large, small = await asyncio.gather(
            call(client, photo(600, 600)), call(client, photo(60, 60))
        )
        check(large, 507, "out_of_memory")
        assert small.status_code == 200
        assert client.service.admission.pixels.reserved == 0
        assert (await call(client, photo(60, 60))).status_code == 200
        assert (await client.get("/healthz")).status_code == 200


async def test_a_host_without_memory_is_told(serving, decoders):
    def hungry(*_args, **_options):
        raise MemoryError

    decoders.function = hungry
    async with serving() as client:
        check(await call(client, photo()), 507, "out_of_memory")
