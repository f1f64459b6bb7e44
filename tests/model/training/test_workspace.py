from pathlib import Path

import pytest

from model.training.workspace import read_workspace, title_of


def write(folder: Path, text: str) -> Path:
    (folder / "adapter.toml").write_text(text)
    return folder


def test_settings_are_read_with_their_defaults(tmp_path):
    space = read_workspace(write(tmp_path, 'name = "dust"\ntitle = "Dust"\nrank = 8\n'))
    assert (space.name, space.settings.title, space.settings.rank) == ("dust", "Dust", 8)
    assert space.settings.licence == ""
    assert space.adapter == tmp_path / "weights/adapters/dust"
    assert read_workspace(tmp_path, smoke=True).weights == tmp_path / "smoke/weights"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('title = "Dust"', "wrong or missing: .'name'."),
        ('name = "dust"\ntitle = "Dust"\nhours = 3', "wrong or missing: .'hours'."),
        ('name = "dust"\ntitle = "Dust"\nrank = "4"', "wrong or missing: .'rank'."),
        ('name = "dust"\ntitle = "Dust"\nrank = 0', "rank must be at least 1, got 0"),
        ('name = "Dust"\ntitle = "Dust"', "lower-case letters"),
        ('name = "rain"\ntitle = "Rain"', "'rain' is reserved"),
        ('name = "auto"\ntitle = "Rain"', "'auto' is reserved"),
        ("name = ", "is not TOML"),
    ],
)
def test_wrong_settings_are_told_with_their_file(tmp_path, text, told):
    with pytest.raises(ValueError, match=told):
        read_workspace(write(tmp_path, text))


def test_a_folder_without_settings_is_told_how_to_get_them(tmp_path):
    with pytest.raises(ValueError, match="abair adapter new"):
        read_workspace(tmp_path)


def test_every_name_has_a_title_for_people():
    assert title_of("jpeg") == "JPEG artefacts"
    assert title_of("old-film") == "Old film"
