from pathlib import Path

import pytest

from model.atomic_files import replacing


@pytest.mark.parametrize("unique", [False, True])
def test_a_file_changes_at_the_end_of_the_block_and_nothing_else_is_left(tmp_path: Path, unique):
    path = tmp_path / "file.bin"
    path.write_text("old")
    with replacing(path, unique=unique) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def write_half(path: Path) -> None:
    with replacing(path) as beside:
        beside.write_text("half")
        raise OSError("full")


def test_an_error_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path: Path):
    path = tmp_path / "file.bin"
    path.write_text("old")
    with pytest.raises(OSError, match="full"):
        write_half(path)
    assert path.read_text() == "old"
    with pytest.raises(OSError, match="full"):
        write_half(tmp_path / "new.bin")
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_meet_where_their_names_are_unique(tmp_path: Path):
    path = tmp_path / "file.bin"
    with replacing(path, unique=True) as first, replacing(path, unique=True) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
