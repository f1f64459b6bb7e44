"""Many callers at once: everybody is answered, and the metrics add up."""

import asyncio
import collections

import numpy as np
import pytest

from tools.fakes import file_of, photo, picture_of, until

pytestmark = pytest.mark.anyio

SIZES = [(16, 24), (40, 56), (64, 64), (130, 70), (9, 200)]
COUNT = 200


async def test_a_large_picture_lets_a_small_one_in_between(serving, engine):
    headers = {"Content-Type": "image/png"}
    engine.delay = 0.03
    small, large = file_of(photo(16, 16)), file_of(photo(64 * 20, 64))
    async with serving(max_batch_items=1) as client:
        waiting = asyncio.create_task(client.post("/restore", content=large, headers=headers))
        await until(lambda: ("restore", 1) in engine.batches)
        answer = await client.post("/restore", content=small, headers=headers)
        assert answer.status_code == 200
        assert not waiting.done()
        assert (await waiting).status_code == 200
    assert engine.batches.count(("restore", 1)) == 21


async def test_while_small_pictures_come_a_large_one_goes_in_pieces(serving, engine):
    headers = {"Content-Type": "image/png"}
    small, large = file_of(photo(16, 16)), file_of(degraded := photo(640, 512))
    async with serving(tile=256, max_batch_items=1) as client:
        await client.post("/restore", content=large, headers=headers)
        assert engine.batches.count(("restore", 1)) == 6  # nobody else is there: whole tiles
        engine.batches.clear()
        await client.post("/restore", content=small, headers=headers)
        answer = await client.post("/restore", content=large, headers=headers)
    np.testing.assert_array_equal(picture_of(answer.content), 255 - degraded)
    assert engine.batches.count(("restore", 1)) == 1 + 20  # 128 a side


async def test_what_was_described_is_restored_before_a_large_pictures_next_tile(serving, engine):
    headers = {"Content-Type": "image/png"}
    small, large = file_of(photo(16, 16)), file_of(photo(64 * 4, 64))
    async with serving(max_batch_items=1) as client:
        engine.gate.clear()
        calls = [asyncio.create_task(client.post("/restore", content=large, headers=headers))]
        await until(lambda: client.service.state.batcher.busy_seconds)  # it is being described
        calls.append(asyncio.create_task(client.post("/restore", content=small, headers=headers)))
        await until(lambda: client.service.state.batcher.queued_units)
        engine.gate.set()
        await asyncio.gather(*calls)
    assert engine.restored[0] == (16, 16)
    assert engine.restored[1:] == [(64, 64)] * 4


async def test_two_hundred_callers_of_mixed_sizes_are_all_answered(serving, engine):
    files = {size: file_of(photo(*size)) for size in SIZES}

    async def call(client, number):
        size = SIZES[number % len(SIZES)]
        answer = await client.post(
            "/restore", content=files[size], headers={"Content-Type": "image/png"}
        )
        assert answer.status_code == 200, answer.text
        np.testing.assert_array_equal(picture_of(answer.content), 255 - photo(*size))

    async with serving() as client:
        await asyncio.gather(*(call(client, number) for number in range(COUNT)))
        service = client.service
        read = service.metrics.registry.get_sample_value
        served = {"endpoint": "/restore", "status": "200"}
        assert read("restore_requests_total", served) == COUNT
        assert read("restore_pixels_total") == sum(
            np.prod(SIZES[number % len(SIZES)]) for number in range(COUNT)
        )
        for stage in ("decode", "queue", "describe", "restore", "encode"):
            assert read("restore_stage_seconds_count", {"stage": stage}) == COUNT
        tiles = sum(len(engine.plan_tiles(*SIZES[n % len(SIZES)], 64)) for n in range(COUNT))
        assert read("restore_batch_items_sum", {"kind": "restore"}) == tiles
        assert read("restore_batch_items_sum", {"kind": "describe"}) == COUNT
        assert service.admission.pixels.reserved == 0
        assert service.state.batcher.queued_units == 0
    run: collections.Counter[str] = collections.Counter()
    for kind, count in engine.batches:
        run[kind] += count
    assert run == {"describe": COUNT, "restore": tiles}
    assert len(engine.batches) < COUNT + tiles, "nothing was ever batched"


async def test_a_large_picture_isnt_cut_while_many_small_ones_wait_for_each_other(serving, engine):
    headers = {"Content-Type": "image/png"}
    engine.delay = 0.005
    small, large = file_of(photo(64, 64)), file_of(photo(1024, 512))
    async with serving(tile=256, max_batch_items=1) as client:
        ended = False

        async def call_again_and_again():
            while not ended:
                answer = await client.post("/restore", content=small, headers=headers)
                assert answer.status_code == 200

        crowd = [asyncio.create_task(call_again_and_again()) for _ in range(8)]
        await until(lambda: engine.restored.count((64, 64)) > 8)
        await client.post("/restore", content=large, headers=headers)
        ended = True
        await asyncio.gather(*crowd)
    assert engine.restored.count((256, 256)) >= 6  # of 8 tiles
