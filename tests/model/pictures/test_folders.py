from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.pictures.folders import find_pairs, pictures_in, read_rgb


def test_pairs_are_found_by_stem_and_sorted(tasks: Path):
    pairs = find_pairs(tasks)
    assert list(pairs) == ["blur", "blur_small", "haze", "lowlight", "noise25", "rain"]
    assert [(p.degraded.name, p.clean.name) for p in pairs["rain"]] == [
        ("a.bmp", "a.png"),
        ("b.bmp", "b.png"),
    ]


def test_a_limit_takes_the_first_pictures(tasks: Path):
    assert [pair.clean.stem for pair in find_pairs(tasks, limit=1)["haze"]] == ["a"]


def test_a_picture_without_a_partner_is_named(tasks: Path):
    (tasks / "rain" / "degraded" / "a.bmp").unlink()
    with pytest.raises(ValueError, match=r"rain needs equal stems .* \['a'\]"):
        find_pairs(tasks)


def test_a_folder_without_tasks_is_an_error(tmp_path: Path):
    with pytest.raises(ValueError, match="no folders TASK/clean"):
        find_pairs(tmp_path)


def test_pictures_are_found_at_any_depth_and_other_files_left_out(tasks: Path):
    (tasks / "notes.txt").write_text("no picture")
    names = [path.relative_to(tasks / "rain").as_posix() for path in pictures_in(tasks / "rain")]
    assert names == ["clean/a.png", "clean/b.png", "degraded/a.bmp", "degraded/b.bmp"]
    assert len(pictures_in(tasks)) == 24


def test_a_picture_is_read_as_rgb(tmp_path: Path):
    pixels = np.zeros((2, 3, 3), dtype=np.uint8)
    pixels[0, 2] = (255, 128, 1)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert np.array_equal(read_rgb(tmp_path / "x.png"), pixels)


def test_sixteen_bits_become_eight_and_do_not_clip(tmp_path: Path):
    levels = np.array([[0, 256, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / "x.png")
    assert read_rgb(tmp_path / "x.png")[0, :, 0].tolist() == [0, 1, 128, 255]


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path):
    (tmp_path / "x.png").write_text("no picture")
    with pytest.raises(ValueError, match="no picture"):
        read_rgb(tmp_path / "x.png")
