import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from model.cli import app
from model.degradations import DEGRADATIONS, OwnDegradation
from model.training.workspace import read_workspace
from tests.model.degradations.test_operators import make_picture
from tests.model.training.conftest import draw_picture


def abair(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "300"})
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("name", ["dust", "snow", "jpeg", "bitdepth"])
def test_a_new_folder_runs_as_it_is(tmp_path, name):
    abair("adapter", "new", tmp_path / name)
    space = read_workspace(tmp_path / name)
    assert space.name == name
    space.degradation.prove(make_picture(64, 64))
    told = abair("adapter", "preview", tmp_path / name, "--out", tmp_path / "grid.png")
    assert "severity" in told
    assert (tmp_path / "grid.png").is_file()


def test_the_folder_of_a_built_in_degradation_takes_that_one(tmp_path):
    abair("adapter", "new", tmp_path / "snow")
    own = OwnDegradation("snow", tmp_path / "snow/degradation.py")
    mine = own.degrade(make_picture(), 0.7, np.random.default_rng(3))
    built_in = DEGRADATIONS["snow"](make_picture(), 0.7, np.random.default_rng(3))
    assert np.array_equal(mine, built_in)


@pytest.mark.parametrize("name", ["rain", "auto", "Snow", "estimator", "9lives"])
def test_a_name_that_cannot_be_one_is_refused_before_a_folder_is_made(tmp_path, name):
    abair("adapter", "new", tmp_path / name, code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_not_touched(tmp_path):
    (tmp_path / "dust").mkdir()
    assert "exists already" in abair("adapter", "new", tmp_path / "dust", code=2)
    assert list((tmp_path / "dust").iterdir()) == []


def test_a_preview_shows_pictures_of_unlike_sizes_clean_and_ever_worse(tmp_path):
    abair("adapter", "new", tmp_path / "dust")
    for seed, (height, width) in enumerate([(40, 90), (200, 60)]):
        Image.fromarray(draw_picture(seed, height, width)).save(tmp_path / f"{seed}.png")
    pictures = [tmp_path / "0.png", tmp_path / "1.png"]
    out = tmp_path / "grid.png"
    abair("adapter", "preview", tmp_path / "dust", *pictures, "--out", out, "--side", 64)
    with Image.open(out) as grid:
        pixels = np.asarray(grid)
    assert pixels.shape == (18 + 40 + 64, 6 * 64, 3)
    clean = draw_picture(0, 40, 90)[:, 13:77]
    columns = [pixels[18:58, 64 * column : 64 * (column + 1)] for column in range(6)]
    assert np.array_equal(columns[0], clean)
    errors = [np.mean((column.astype(float) - clean) ** 2) for column in columns]
    assert 0 == errors[0] < errors[1] < errors[5]


def test_a_picture_that_cannot_be_read_is_told(tmp_path):
    abair("adapter", "new", tmp_path / "dust")
    (tmp_path / "x.jpg").write_text("no picture")
    told = abair("adapter", "preview", tmp_path / "dust", tmp_path / "x.jpg", code=2)
    assert "can't be read as a picture" in told


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Training pictures, and pairs to validate on."""
    for index in range(4):
        for place in ("data/clean", "val/rain/clean", "val/rain/degraded"):
            path = tmp_path / place / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw_picture(index, 140, 150)).save(path)
    return tmp_path / "data"


QUICK = ["--workers=0", "--device=cpu", "--hours=1e-6", "--estimator-hours=1e-6"]
SMALL = ["--set=mix.batch=1", "--set=mix.crop=32", "--set=mix.window=[40, 64]"]


@pytest.mark.slow
def test_training_keeps_pictures_to_measure_on_and_writes_what_add_installs(
    tmp_path, data, weights
):
    folder = tmp_path / "dust"
    abair("adapter", "new", folder)
    (folder / "README.md").write_text("# Dust\n\nMy own words.\n")
    arguments = ["--data", data, "--val", data.parent / "val", "--weights", weights]
    told = abair("adapter", "train", folder, *arguments, *QUICK, *SMALL)
    assert "dB over the input on its own pictures" in told
    kept = sorted((folder / "held-out/dust/clean").iterdir())
    assert [path.name for path in kept] == ["00.png"]
    config = json.loads((folder / "weights/adapters/dust/adapter_config.json").read_text())
    about = config["abair"]
    assert about["provenance"]["data"].startswith("3 clean pictures")
    assert about["provenance"]["command"] == "abair adapter train dust"
    assert isinstance(about["over_baseline_db"], float)
    card = (folder / "weights/adapters/dust/README.md").read_text()
    assert card.startswith("---\n")
    assert "My own words." in card
    (run,) = folder.glob("run-estimator-*")
    assert "rain" in (run / "validation.csv").read_text().splitlines()[0]
    # Given again, the command finds all done, and measures what there is.
    again = abair("adapter", "train", folder, *arguments, *QUICK, *SMALL)
    assert again.splitlines()[-2] == told.splitlines()[-2]
    installed = tmp_path / "installed"
    shutil.copytree(weights, installed)
    result = CliRunner().invoke(app, ["adapter", "add", str(folder), "--weights", str(installed)])
    assert result.exit_code == (0 if about["gain_db"] > 0 else 2), result.output


def test_adapters_that_have_nothing_to_begin_as_are_told_before_training(tmp_path, data, weights):
    abair("adapter", "new", tmp_path / "dust")
    where = ["--data", data, "--weights", weights, "--init", weights]
    told = abair("adapter", "train", tmp_path / "dust", *where, *QUICK, *SMALL, code=2)
    assert "there is no adapter" in told
    assert "dust to start from" in told
    assert not (tmp_path / "dust/run/last.pt").exists()


def test_training_without_data_is_told(tmp_path, weights):
    abair("adapter", "new", tmp_path / "dust")
    told = abair("adapter", "train", tmp_path / "dust", "--weights", weights, code=2)
    assert "give --data" in told


def test_a_degradation_that_breaks_a_rule_is_told_before_training(tmp_path, weights):
    abair("adapter", "new", tmp_path / "dust")
    (tmp_path / "dust/degradation.py").write_text(
        "def degrade(clean, severity, rng):\n    return clean * 0\n"
        "def sample_severity(rng):\n    return 1.0\n"
    )
    told = abair("adapter", "train", tmp_path / "dust", "--smoke", "--weights", weights, code=2)
    assert "must change nothing at severity 0" in told


def test_a_built_in_degradation_has_one_way_to_be_trained(tmp_path):
    where = ["--data", tmp_path, "--run", tmp_path, "--weights", tmp_path, "--steps=1"]
    told = abair("train", "snow", *where, code=2)
    assert "abair adapter new snow" in told


def test_a_training_that_is_stopped_says_so_and_is_no_adapter(tmp_path, weights, monkeypatch):
    abair("adapter", "new", tmp_path / "dust")
    monkeypatch.setattr("model.training.loop.Trainer._progress", lambda trainer: 0.5)
    monkeypatch.setattr(
        "model.training.loop.Trainer._occasions", lambda trainer: trainer.request_stop()
    )
    told = abair("adapter", "train", tmp_path / "dust", "--smoke", "--weights", weights, code=3)
    assert "run the same command again to continue" in told
    assert (tmp_path / "dust/smoke/run/last.pt").is_file()
    assert not (tmp_path / "dust/smoke/weights").exists()
