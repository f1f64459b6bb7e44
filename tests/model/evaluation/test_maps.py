from pathlib import Path

import numpy as np
import pytest
import torch

from model.config import CLASSES
from model.evaluation import Mix, evaluate_maps, mixed_pictures, share_seen_right
from tests.model.conftest import write_picture

RAIN, NOISE = CLASSES.index("rain"), CLASSES.index("noise")


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    rows, columns = np.mgrid[:48, :65]
    for index, name in enumerate("ab"):
        wave = 128 + 60 * np.sin(rows / 9 + index) * np.cos(columns / 13)
        write_picture(tmp_path / f"{name}.png", np.stack([wave] * 3, axis=2).astype(np.uint8))
    return tmp_path


def test_halves_are_rain_on_the_left_and_noise_on_the_right(clean: Path):
    pictures = list(mixed_pictures(clean, 3, Mix.HALVES))
    assert len(pictures) == 3
    for picture, _, labels in pictures:
        assert picture.dtype is torch.uint8
        assert picture.shape == (3, 48, 65)
        assert labels[:, :32].unique().tolist() == [RAIN]
        assert labels[:, 32:].unique().tolist() == [NOISE]


def test_cutmix_pictures_hold_two_or_three_classes(clean: Path):
    for picture, _, labels in mixed_pictures(clean, 6, Mix.CUTMIX):
        assert labels.shape == picture.shape[1:]
        assert 1 <= len(labels.unique()) <= 3
        assert int(labels.min()) >= 0
        assert int(labels.max()) < len(CLASSES)


@pytest.mark.parametrize("mix", Mix)
def test_equal_seeds_give_equal_pictures_and_others_do_not(clean: Path, mix):
    first, again, other = (list(mixed_pictures(clean, 2, mix, seed=seed)) for seed in (1, 1, 2))
    for (a, _, a_labels), (b, _, b_labels) in zip(first, again, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a_labels, b_labels)
    assert not all(torch.equal(a.degraded, b.degraded) for a, b in zip(first, other, strict=True))


def test_large_pictures_are_cropped_to_their_middle(tmp_path: Path):
    write_picture(tmp_path / "wide.png", np.full((40, 700, 3), 90, dtype=np.uint8))
    ((picture, original, labels),) = mixed_pictures(tmp_path, 1, Mix.HALVES)
    assert picture.shape == (3, 40, 512)
    assert original.unique().tolist() == [90]
    assert labels.shape == (40, 512)


def test_a_folder_without_pictures_is_an_error(tmp_path: Path):
    with pytest.raises(ValueError, match="no pictures"):
        list(mixed_pictures(tmp_path, 1, Mix.HALVES))


def test_a_perfect_map_scores_one_and_a_constant_one_its_share(clean: Path):
    pictures = list(mixed_pictures(clean, 2, Mix.HALVES))
    truths = iter([labels for _, _, labels in pictures])
    perfect = evaluate_maps(lambda _: next(truths), pictures)
    assert (perfect.count, perfect.mean_iou, perfect.classes) == (2, 1.0, CLASSES)
    constant = evaluate_maps(lambda picture: torch.full(picture.shape[1:], RAIN), pictures)
    assert constant.mean_iou == pytest.approx(32 / 65 / 2)
    assert constant.confusion[RAIN][RAIN] == 2 * 48 * 32
    assert constant.confusion[NOISE][RAIN] == 2 * 48 * 33


def test_a_picture_is_seen_right_where_its_class_has_most_pixels():
    mostly = [torch.tensor([[1, 1, 3]]), torch.tensor([[3, 3, 1]]), torch.tensor([[1, 3, 1]])]
    told = iter(mostly)
    share = share_seen_right(lambda _: next(told), mostly, "noise")
    assert share == pytest.approx(2 / 3)
