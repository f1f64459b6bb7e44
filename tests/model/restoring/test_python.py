"""What a Python user sees of ``Restorer``: its methods, their checks, many pictures at once."""

import copy
import itertools
import pydoc
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from model.restoring import whole_pictures
from model.restoring.photographs import read_photograph
from model.restoring.restorer import Restorer
from model.restoring.stream import batches

ROOT = Path(__file__).parents[3]


def frame(seed: int = 0, height: int = 24, width: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"strength": 2}, r"strength must be from 0 \(the input\) to 1 .* got 2"),
        ({"strength": -0.1}, "strength must be from 0"),
        ({"strength": float("nan")}, "strength must be from 0"),
        ({"adapters": {"noise": 5}}, r"the amount of noise must be from 0 .* got 5"),
        ({"adapters": {"noise": -1}}, "the amount of noise must be from 0"),
        ({"adapters": -1}, 'by name such as {"noise": 0.5}, got -1'),
        ({"adapters": {"fog": 1}}, "unknown adapters: fog; there are noise, blur, rain"),
        ({"keep": ["fog"]}, "unknown adapters: fog"),
        ({"amounts": {"fog": 1}}, "unknown adapters: fog"),
        ({"amounts": {"noise": 2}}, "the amount of noise must be from 0"),
        ({"amounts": {"noise": 1}, "adapters": {"noise": 1}}, "give one of the two"),
        ({"blend": "mean"}, "blend must be image or pixel"),
        ({"tile": 1}, "tile must be at least 8 pixels, got 1"),
        ({"precision": "fp8"}, "precision must be one of"),
    ],
)
def test_options_that_cannot_be_are_refused_at_once_with_what_to_do(unsure, options, told):
    with pytest.raises(ValueError, match=told):
        unsure.restore(frame(), **options)
    with pytest.raises(ValueError, match=told):
        unsure.restore_many([], **options)


def test_help_shows_the_methods_for_photographs_and_no_others():
    shown = pydoc.render_doc(Restorer, renderer=pydoc.TextDoc())
    shown = re.sub(".\b", "", shown)  # bold letters are overtyped
    methods = set(re.findall(r"^ \|  ([a-z]\w+)\(", shown, flags=re.MULTILINE))
    assert methods == {"restore", "restore_many", "describe", "degradation_map", "load", "to"}


def test_a_photograph_is_described_and_mapped_in_any_form(unsure):
    image = Image.fromarray(frame())
    expected = unsure.describe(frame())
    assert list(expected) == ["noise", "blur", "rain"]
    for same in (image, torch.from_numpy(frame()).permute(2, 0, 1)):
        assert unsure.describe(same) == expected
        assert np.array_equal(unsure.degradation_map(same), unsure.degradation_map(frame()))
    labels = unsure.degradation_map(frame())
    assert (labels.shape, labels.dtype) == ((24, 40), np.uint8)
    assert labels.max() < len(unsure.classes)


def test_amounts_take_the_place_of_the_estimate(unsure):
    held = {"noise": 0.9, "blur": 0.2}
    expected = unsure.restore(frame(), adapters=held)
    assert np.array_equal(unsure.restore(frame(), amounts=held), expected)
    top = unsure.restore(frame(), amounts=held, adapters="top")
    assert np.array_equal(top, unsure.restore(frame(), adapters={"noise": 0.9}))
    kept = unsure.restore(frame(), amounts=held, keep=["noise"])
    assert np.array_equal(kept, unsure.restore(frame(), adapters={"blur": 0.2}))


@pytest.mark.parametrize(
    "options",
    [{}, {"blend": "pixel"}, {"amounts": {"rain": 0.7}}, {"adapters": "none"}, {"tile": 16}],
    ids=str,
)
def test_many_pictures_come_back_in_order_as_one_by_one(network, options):
    restorer = Restorer(network)  # its estimates differ from picture to picture
    pictures: list[Any] = [
        *(frame(seed) for seed in range(3)),
        frame(3, 16, 16),
        Image.fromarray(frame(4)),
        frame(5, 16, 16).astype(np.uint16) * 257,
        frame(6)[:, :, 0],
    ]
    many = list(restorer.restore_many(pictures, precision="fp32", **options))
    assert len(many) == len(pictures)
    for picture, restored in zip(pictures, many, strict=True):
        alone = restorer.restore(picture, precision="fp32", **options)
        assert type(restored) is type(alone)
        off = np.abs(np.asarray(restored, float) - np.asarray(alone, float))
        assert off.max() <= (257 if np.asarray(alone).dtype == np.uint16 else 1)


def test_pictures_are_taken_only_as_they_are_needed(unsure):
    taken = 0

    def endless():
        nonlocal taken
        for seed in itertools.count():
            taken += 1
            yield frame(seed, 512, 512)  # a batch each

    restored = unsure.restore_many(endless(), amounts={"noise": 0.5})
    next(restored)
    restored.close()
    assert taken <= torch.get_num_threads() + 3


def test_restoring_many_leaves_the_number_of_threads_as_it_was(unsure):
    before = torch.get_num_threads()
    list(unsure.restore_many([frame(0), frame(1)]))
    assert torch.get_num_threads() == before


def test_a_bad_picture_ends_the_stream_with_its_error_after_the_good_ones(unsure):
    restored = unsure.restore_many([frame(0, 256, 512), frame(1, 256, 512), "photo.jpg"])
    with pytest.raises(TypeError, match="open a file with"):
        list(restored)


def test_batches_hold_neighbours_of_equal_shape_and_type_up_to_the_limit():
    shapes = [(8, 8), (8, 8), (8, 8), (16, 8), (8, 8)]
    photographs = [read_photograph(frame(0, *shape)) for shape in shapes]
    photographs.append(read_photograph(frame(0, 8, 8).astype(np.uint16)))
    sizes = [len(batch) for batch in batches(photographs, 128)]
    assert sizes == [2, 1, 1, 1, 1]


def test_the_code_of_the_python_page_runs(tmp_path: Path, monkeypatch):
    text = (ROOT / "docs" / "python.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) >= 5
    Image.fromarray(frame(0, 48, 64)).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    seen: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), seen)
    assert (tmp_path / "better.jpg").is_file()
    assert len(list(tmp_path.glob("frame-*.png"))) == 3


@pytest.mark.parametrize("options", [{}, {"blend": "pixel", "tile": 16}], ids=str)
def test_different_amounts_in_one_batch_give_what_each_picture_alone_gives(
    network, monkeypatch, options
):
    """As on a GPU: pictures of equal shape are one batch, whatever their amounts are."""
    restorer, frames = Restorer(network), [frame(seed) for seed in range(3)]
    alone = [restorer.restore(one, precision="fp32", **options) for one in frames]
    groups = whole_pictures._groups
    monkeypatch.setattr(whole_pictures, "_groups", lambda plans, apart: groups(plans, apart=False))
    together = list(restorer.restore_many(frames, precision="fp32", **options))
    for one, expected in zip(together, alone, strict=True):
        assert np.abs(one.astype(int) - expected).max() <= 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no card")
def test_a_card_restores_many_as_the_processor_does(network):
    frames = [frame(seed) for seed in range(5)]
    expected = [Restorer(network).restore(one, precision="fp32") for one in frames]
    card = Restorer(copy.deepcopy(network)).to("cuda")
    for one, other in zip(card.restore_many(frames, precision="fp32"), expected, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1
