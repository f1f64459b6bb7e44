import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from model.cli import app
from model.degradations import DEGRADATIONS

runner = CliRunner()


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for side in ("degraded", "clean"):
        (tmp_path / "rain" / side).mkdir(parents=True)
        pixels = rng.integers(0, 256, (24, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "rain" / side / "a.png")
    return tmp_path


def test_restore_writes_the_picture(pairs: Path, weights: Path, tmp_path: Path):
    source = pairs / "rain" / "degraded"
    arguments = [str(source), str(tmp_path / "out"), "--weights", str(weights), "--map"]
    result = runner.invoke(app, ["restore", *arguments])
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a.png", "a.png.map.png"]
    again = runner.invoke(app, ["restore", *arguments])
    assert "nothing to do" in again.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere.png", "out"],
        [".", "out", "--strength", "2"],
        [".", "out", "--adapters", "rain:x"],
        [".", "out", "--format", "gif"],
        [".", "out", "--engine", "ray", "--threads", "1"],
    ],
)
def test_wrong_usage_is_told_without_a_traceback(arguments, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, ["restore", *arguments])
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)


def test_a_picture_that_fails_is_exit_code_one(pairs: Path, weights: Path, tmp_path: Path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    arguments = [str(bad), str(tmp_path / "out"), "--weights", str(weights)]
    result = runner.invoke(app, ["restore", *arguments])
    assert result.exit_code == 1


def test_evaluate_prints_every_mode(pairs: Path, weights: Path):
    result = runner.invoke(app, ["evaluate", str(pairs), "--weights", str(weights)])
    assert result.exit_code == 0, result.output
    for word in ("rain", "input", "none", "auto", "top", "oracle"):
        assert word in result.output


def test_evaluate_prints_json_of_scores_and_maps(pairs: Path, weights: Path):
    arguments = [str(pairs), "--weights", str(weights), "--json", "--mode", "auto"]
    maps = ["--map-pairs", str(pairs / "rain" / "clean"), "--count", "2"]
    result = runner.invoke(app, ["evaluate", *arguments, *maps])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["model"]["name"] == "tiny"
    assert [row["mode"] for row in answer["scores"]] == ["input", "auto"]
    assert set(answer["maps"]) == {"halves", "cutmix"}
    assert answer["maps"]["halves"]["count"] == 2


def test_evaluate_of_maps_prints_their_mean_iou(pairs: Path, weights: Path):
    arguments = ["--map-pairs", str(pairs), "--count", "1", "--weights", str(weights)]
    result = runner.invoke(app, ["evaluate", *arguments])
    assert result.exit_code == 0, result.output
    assert result.output.count("mean IoU") == 2


def test_the_report_tells_scores_mixtures_harm_maps_and_failures(
    pairs: Path, weights: Path, tmp_path: Path
):
    page, clean = tmp_path / "page.md", str(pairs / "rain" / "clean")
    asked = ["--map-pairs", clean, "--count", "1", "--gallery", clean, "--report", str(page)]
    result = runner.invoke(app, ["evaluate", str(pairs), *asked, "--weights", str(weights)])
    assert result.exit_code == 0, result.output
    told = page.read_text()
    assert "--count 1 " in told
    assert "| rain (1) | " in told
    assert "| rain | a | " in told  # of the pictures that got least
    assert "| blur+noise (1) | " in told
    assert "| average (6) | " in told
    assert "| noise of 5/255 (1) | " in told
    assert "| jpeg of quality 20 (1) | " in told
    assert "| cutmix (1) | " in told
    assert "| sum | average |" in told
    assert "| pixel |" in told
    assert told.count("Mean IoU") == 2
    assert "](page.webp)" in told
    with Image.open(tmp_path / "page.webp") as gallery:
        assert gallery.size == (4 * 256, 5 * 256)
    assert "](page-curves.webp)" in told
    assert "| degradation | 0.2 | 0.4 | 0.6 | 0.8 | 1.0 |" in told
    for kind in DEGRADATIONS:
        assert f"| {kind} | " in told
    with Image.open(tmp_path / "page-curves.webp") as curves:
        assert curves.width > curves.height


def test_a_report_of_pairs_alone_has_no_curves_and_needs_no_matplotlib(
    pairs: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = tmp_path / "page.md"
    words = ["evaluate", str(pairs), "--report", str(page), "--weights", str(weights)]
    result = runner.invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "| rain (1) | " in page.read_text()
    assert "curves" not in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([".", "--gallery", "."], "--report"),
        ([".", "--report", "page.md", "--mode", "auto"], "--mode"),
    ],
)
def test_what_does_not_fit_a_report_is_told(arguments, hint, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, ["evaluate", *arguments])
    assert result.exit_code == 2
    assert hint in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "--map-pairs", ".", "--report", "page.md"],
        ["train", "rain", "--data", ".", "--run", "run", "--weights", "."],
        ["adapter", "train", "dust", "--data", "."],
    ],
)
def test_without_matplotlib_the_command_says_what_to_install(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert "pip install '.[train]'" in " ".join(result.output.replace("│", " ").split())


def test_evaluate_wants_something_to_measure():
    result = runner.invoke(app, ["evaluate"])
    assert result.exit_code == 2
    assert "--map-pairs" in result.output


def test_adapter_list_names_them_in_order(weights: Path):
    result = runner.invoke(app, ["adapter", "list", "--weights", str(weights)])
    assert result.exit_code == 0, result.output
    assert result.output.index("rain") < result.output.index("noise")


def test_weights_that_are_not_there_are_named(tmp_path: Path):
    result = runner.invoke(app, ["adapter", "list", "--weights", str(tmp_path)])
    assert result.exit_code == 2
    assert "base.safetensors" in result.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures in a tree, one of them broken."""
    for index, name in enumerate(["a.png", "b.png", "deep/c.png", "deep/er/d.png", "e.png"]):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(index).integers(0, 256, (24, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    (tmp_path / "in/e.png").write_text("no picture")
    return tmp_path / "in"


def test_a_folder_goes_on_where_it_was_and_counts_the_whole(folder: Path, weights: Path):
    out = folder.parent / "out"
    arguments = ["restore", str(folder), str(out), "--weights", str(weights)]
    first = runner.invoke(app, arguments)
    assert first.exit_code == 1
    assert "4/5 " in first.stderr
    assert "4 restored, 1 failed, 0 were there already" in first.stderr
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert names == ["a.png", "b.png", "deep/c.png", "deep/er/d.png"]
    (out / "deep/c.png").unlink()
    (folder / "e.png").unlink()
    again = runner.invoke(app, arguments)
    assert again.exit_code == 0
    assert f"4/4 {out / 'deep/c.png'}" in again.stderr
    assert "1 restored, 0 failed, 3 were there already" in again.stderr


def test_an_interrupted_folder_says_so_and_leaves_whole_pictures(folder: Path, weights: Path):
    out = folder.parent / "out"
    words = ["restore", str(folder), str(out), "--weights", str(weights)]
    code = (
        "import signal, sys\n"
        "from model.cli import app, engines\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background jobs\n"
        "one, done = engines.restore_file, []\n"
        "def restore_file(*given):\n"
        "    if done:\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "    done.append(one(*given))\n"
        "    return done[-1]\n"
        "engines.restore_file = restore_file\n"
        f"app({words!r})\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 130, ended.stderr
    assert "stopped; run the same command again to continue" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [path.name for path in out.rglob("*") if path.is_file()] == ["a.png"]
