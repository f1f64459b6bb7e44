"""The engine with torch, on a tiny random network."""

import numpy as np
import pytest
import torch

import model
from model.restoring.restorer import Restorer
from service.device.engine import (
    EngineFatalError,
    EngineMemoryError,
    Removal,
    RestoreTask,
    SegmentTask,
    SpatialWeights,
)
from service.device.torch_device import Trimmer
from service.device.torch_engine import TorchEngine, padded_side, padded_sides
from service.settings import Settings
from tests.model.conftest import make_network
from tools.fakes import photo


@pytest.fixture(scope="module")
def engine():
    return TorchEngine(make_network(4, 2), device="cpu", precision="fp32")


def described(engine, picture):
    return engine.describe([engine.prepare(picture)])[0]


def restored(engine, picture, *, tile=1024, weights=(0.5, 0.2), strength=1.0, led=False):
    seen = described(engine, picture)
    out = np.empty_like(picture)
    pieces = engine.plan_tiles(*picture.shape[:2], tile)
    if led:
        tasks = [SegmentTask(picture, piece, seen.description) for piece in pieces]
        cells = [(task.tile.keep, engine.segment([task])[0].cells) for task in tasks]
    field = engine.spatial_weights(weights, cells, picture.shape[:2]) if led else None
    removal = Removal(weights, spatial_weights=field)
    for piece in pieces:
        task = RestoreTask(picture, piece, seen.description, removal, strength)
        top, left, bottom, right = piece.keep
        out[top:bottom, left:right] = engine.restore([task])[0]
    return out


def test_info_tells_what_the_model_is(engine):
    assert engine.info.device == "cpu"
    assert engine.info.precision == "fp32"
    assert engine.info.classes == ("clean", "noise", "blur", "rain", "haze", "lowlight")
    assert [adapter.name for adapter in engine.adapters] == ["noise", "blur"]
    assert engine.adapters[0].rank == 4
    assert engine.info.device_name


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (33, 7), (64, 48)])
def test_any_size_comes_back_in_its_size(engine, size):
    picture = photo(*size)
    out = restored(engine, picture)
    assert (out.shape, out.dtype) == (picture.shape, np.uint8)


def test_it_does_what_the_model_does(engine):
    picture = photo(40, 56)
    chw = torch.from_numpy(picture).permute(2, 0, 1)
    expected = Restorer(make_network(4, 2)).restore(
        chw, adapters={"noise": 0.5, "blur": 0.2}, strength=0.7, precision="fp32"
    )
    got = restored(engine, picture, strength=0.7)
    np.testing.assert_array_equal(got, expected.permute(1, 2, 0).numpy())


def test_sixteen_bits_stay_sixteen(engine):
    picture = photo(40, 56).astype(np.uint16) * 257
    out = restored(engine, picture)
    assert out.dtype == np.uint16
    assert (
        np.abs((out.astype(int) + 128) // 257 - restored(engine, photo(40, 56)).astype(int)).max()
        <= 1
    )
    np.testing.assert_array_equal(restored(engine, picture + 7, strength=0.0), picture + 7)


def test_tiles_give_what_the_whole_gives(engine):
    picture = photo(100, 150)
    whole, tiled = restored(engine, picture), restored(engine, picture, tile=64)
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_a_batch_gives_what_each_alone_gives(engine):
    pictures = [photo(40, 56, seed=seed) for seed in range(4)]
    choices = [
        Removal((1.0, 0.0)),
        Removal((0.4, 0.2), adapters=False),
        Removal((0.3, 0.3)),
        Removal((1.0, 0.0)),
    ]
    seen = engine.describe([engine.prepare(picture) for picture in pictures])
    tasks = [
        RestoreTask(picture, engine.plan_tiles(40, 56, 1024)[0], one.description, removal, strength)
        for picture, one, removal, strength in zip(
            pictures, seen, choices, [1.0, 0.5, 1.0, 0.0], strict=True
        )
    ]
    together = engine.restore(tasks)
    for task, out in zip(tasks, together, strict=True):
        assert np.abs(engine.restore([task])[0].astype(int) - out).max() <= 1
    np.testing.assert_array_equal(together[3], pictures[3])


def test_a_card_mixes_weights_and_none_in_one_batch(engine):
    picture = photo(40, 56)
    tile, seen = engine.plan_tiles(40, 56, 1024)[0], described(engine, picture)
    tasks = [
        RestoreTask(picture, tile, seen.description, removal)
        for removal in (
            Removal((0.7, 0.5), adapters=False),
            Removal((1.0, 0.5)),
            Removal((0.0, 0.2)),
        )
    ]
    together = engine.restore_together(tasks)
    field = SpatialWeights(
        np.stack([np.full((2, 3), 1.0), np.full((2, 3), 0.5)]).astype(np.float32)
    )
    removal = Removal((1.0, 0.5), spatial_weights=field)
    tasks.append(RestoreTask(picture, tile, seen.description, removal))
    varied = engine.restore_together(tasks)
    for task, *outs in zip(tasks, [*together, varied[-1]], varied, strict=True):
        for out in outs:
            assert np.abs(engine.restore([task])[0].astype(int) - out).max() <= 1
    assert np.abs(varied[1].astype(int) - varied[3]).max() <= 1
    assert np.abs(together[0].astype(int) - together[1]).max() > 5


def test_descriptions_do_not_depend_on_neighbours(engine):
    pictures = [photo(40, 56), photo(9, 13), photo(64, 64)]
    together = engine.describe([engine.prepare(picture) for picture in pictures])
    for picture, one in zip(pictures, together, strict=True):
        assert one.amounts == pytest.approx(described(engine, picture).amounts, abs=1e-5)


def test_weights_that_vary_do_what_the_model_does_and_leave_no_seam(engine):
    picture = photo(100, 150)
    expected = Restorer(make_network(4, 2)).restore(
        torch.from_numpy(picture).permute(2, 0, 1),
        adapters={"noise": 0.5, "blur": 0.2},
        blend="pixel",
        precision="fp32",
    )
    whole, tiled = restored(engine, picture, led=True), restored(engine, picture, tile=64, led=True)
    np.testing.assert_array_equal(whole, expected.permute(1, 2, 0).numpy())
    assert np.abs(whole.astype(int) - tiled).max() <= 1
    assert np.abs(whole.astype(int) - restored(engine, picture)).max() > 3


def test_segments_are_labels_cells_and_planes(engine):
    picture = photo(40, 52)
    tile = engine.plan_tiles(40, 52, 1024)[0]
    task = SegmentTask(picture, tile, described(engine, picture).description, planes=(0, 3))
    part = engine.segment([task])[0]
    assert (part.labels.shape, part.labels.dtype) == ((40, 52), np.uint8)
    assert part.cells.shape == (6, 3, 4)
    assert part.cells.sum() == pytest.approx(40 * 52, rel=1e-4)
    assert (part.probabilities.shape, part.probabilities.dtype) == ((2, 40, 52), np.float16)
    assert part.probabilities[0].mean() == pytest.approx(part.cells[0].sum() / (40 * 52), abs=1e-3)


def test_bf16_is_close_to_fp32(engine):
    picture = photo(40, 56)
    rough = TorchEngine(make_network(4, 2), device="cpu", precision="bf16")
    rough.warm_up(64)
    difference = restored(rough, picture).astype(int) - restored(engine, picture)
    assert 0 < np.abs(difference).mean() < 3


def test_a_foreign_tile_is_refused(engine):
    with pytest.raises(TypeError, match="plan"):
        engine.restore([RestoreTask(photo(), (0, 0), None, None)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "size"), [(1, 8), (100, 104), (130, 144), (513, 576), (1024, 1024)]
)
def test_cards_see_few_sizes(side, size):
    assert padded_side(side, 8) == size


def test_few_sizes_waste_little():
    assert len({padded_side(side, 8) for side in range(1, 1025)}) < 50
    assert all(side <= padded_side(side, 8) < side * 1.13 + 8 for side in range(1, 1025))


def test_it_loads_what_the_settings_name(monkeypatch):
    named: list[object] = []

    def load(path):
        named.append(path)
        return make_network(4)

    monkeypatch.setattr(model, "load_network", load)
    engine = TorchEngine.load(Settings(device="cpu", precision="fp32", model_path="somewhere"))
    assert str(named[0]) == "somewhere"
    assert engine.info.precision == "fp32"


def test_a_gpu_is_warmed_up_at_every_side_that_a_picture_is_padded_to(engine):
    assert engine.warm_up_sides == [256]  # a CPU pads nothing
    sides = padded_sides(200, 8)
    assert sides == sorted(sides, reverse=True)
    assert set(sides) == {padded_side(side, 8) for side in range(1, 201)}


def test_each_kind_of_work_is_warmed_up(engine, monkeypatch):
    done = []

    def note(kind):
        work = getattr(engine, kind)

        def noted(tasks):
            done.append(kind)
            return work(tasks)

        monkeypatch.setattr(engine, kind, noted)

    for kind in ("describe", "restore", "segment"):
        note(kind)
    engine.warm_up(32)
    assert done == ["describe", "restore", "segment"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (torch.OutOfMemoryError("no"), EngineMemoryError),
        (torch.AcceleratorError("gone"), EngineFatalError),
    ],
)
@pytest.mark.parametrize("kind", ["describe", "restore", "segment"])
def test_what_the_device_does_to_any_work_is_told(engine, monkeypatch, kind, error, told):
    picture = photo(40, 56)
    tile, seen = engine.plan_tiles(40, 56, 1024)[0], described(engine, picture)
    tasks = {
        "describe": engine.prepare(picture),
        "restore": RestoreTask(picture, tile, seen.description, Removal(seen.amounts)),
        "segment": SegmentTask(picture, tile, seen.description),
    }

    def fail(*_):
        raise error

    for name in ("describe", "restore_crops", "segment"):
        monkeypatch.setattr(model.RestorationNetwork, name, fail)
    with pytest.raises(told):
        getattr(engine, kind)([tasks[kind]])


def test_memory_is_looked_after_behind_every_batch(engine, monkeypatch):
    shapes = []
    monkeypatch.setattr(Trimmer, "trim_after", lambda _, crops: shapes.append(tuple(crops.shape)))
    restored(engine, photo(40, 56), led=True)
    assert shapes == [(1, 3, 40, 56)] * 2  # the map, then the picture


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no card")
def test_a_card_gives_what_the_processor_gives(engine):
    card = TorchEngine(make_network(4, 2), device="cuda", precision="fp32", tile=128)
    for side in card.warm_up_sides:
        card.warm_up(side)
    for size in [(40, 56), (100, 144), (128, 128)]:  # padded alike: a card has fewer sizes
        expected = restored(engine, photo(*size)).astype(int)
        assert np.abs(expected - restored(card, photo(*size))).max() <= 1
        assert np.abs(expected - restored(card, photo(*size), tile=64)).max() <= 1
    used, held = card.memory()
    assert 0 < used <= held
