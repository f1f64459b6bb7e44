"""The options of ``abair restore`` that say what is written, where, and on which device."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from model.cli.commands import app
from service import __version__


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, a GIF, a raw photograph and a text."""
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.jpg", "anim.gif"):
        pixels = np.random.default_rng(len(name)).integers(0, 256, (24, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / name)
    (tmp_path / "in/raw.CR2").write_bytes(b"raw")
    (tmp_path / "in/notes.txt").write_text("a note")
    return tmp_path / "in"


def restore(source: Path, target: Path, weights: Path, *more: str) -> Result:
    words = ["restore", str(source), str(target), "--weights", str(weights), *more]
    return CliRunner().invoke(app, words, env={"COLUMNS": "300"})


def names_in(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir()) if out.exists() else []


def test_the_format_can_be_chosen_for_a_folder(folder: Path, weights: Path):
    out = folder.parent / "out"
    ended = restore(folder, out, weights, "--format", "webp", "--quality", "100")
    assert ended.exit_code == 0, ended.output
    assert names_in(out) == ["a.webp", "b.webp"]
    with Image.open(out / "a.webp") as image:
        assert image.format == "WEBP"
    again = restore(folder, out, weights, "--format", "webp")
    assert "nothing to do: every picture is there already" in again.stderr


def test_two_pictures_that_would_get_one_name_are_refused(folder: Path, weights: Path):
    (folder / "a.bmp").write_bytes((folder / "a.png").read_bytes())
    ended = restore(folder, folder.parent / "out", weights, "--format", "webp")
    assert ended.exit_code == 2
    assert "would both become" in ended.stderr
    assert names_in(folder.parent / "out") == []


@pytest.mark.parametrize(
    ("out", "more", "told"),
    [
        ("b.what", [], "use .png, .jpg, .webp"),
        ("b.png", ["--format", "jpeg"], "OUT names png, but --format names jpeg"),
        ("out", ["--adapters", "fog:1"], "unknown adapters: fog; there are rain, noise"),
        ("out", ["--adapters", "noise"], "got 'noise'; the names are rain, noise, blur"),
        ("out", ["--keep", "fog"], "unknown adapters: fog; there are rain, noise"),
        ("out", ["--dry-run", "--adapters", "fog:1"], "unknown adapters: fog"),
    ],
)
def test_what_cannot_be_ends_at_once_with_what_is_possible(
    folder: Path, weights: Path, out: str, more: list[str], told: str
):
    source = folder if out == "out" else folder / "a.png"
    ended = restore(source, folder.parent / out, weights, *more)
    assert ended.exit_code == 2
    assert told in " ".join(ended.stderr.replace("│", " ").split())
    assert names_in(folder.parent / "out") == []


def test_pictures_of_kinds_that_are_not_read_are_named(folder: Path, weights: Path):
    ended = restore(folder, folder.parent / "out", weights)
    assert ended.exit_code == 0
    (line,) = [line for line in ended.stderr.splitlines() if "not read" in line]
    assert str(folder / "anim.gif") in line
    assert str(folder / "raw.CR2") in line
    assert "notes.txt" not in ended.stderr
    assert "2 restored, 0 failed" in ended.stderr


def test_a_dry_run_lists_and_writes_nothing(folder: Path, weights: Path):
    out = folder.parent / "out"
    ended = restore(folder, out, weights, "--dry-run", "--report", str(folder / "r.jsonl"))
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.splitlines() == [
        f"{folder / 'a.png'} -> {out / 'a.png'}",
        f"{folder / 'b.jpg'} -> {out / 'b.jpg'}",
    ]
    assert "2 to restore, 0 are there already" in ended.stderr
    assert names_in(out) == []
    assert not (folder / "r.jsonl").exists()


def test_the_number_of_threads_can_be_set(folder: Path, weights: Path):
    before = torch.get_num_threads()
    try:
        ended = restore(folder, folder.parent / "out", weights, "--threads", "3", "--device", "cpu")
        assert ended.exit_code == 0, ended.output
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_a_device_that_is_not_there_is_a_usage_error(folder: Path, weights: Path):
    ended = restore(folder, folder.parent / "out", weights, "--device", "cuda")
    assert ended.exit_code == 2
    assert "no usable NVIDIA GPU" in " ".join(ended.stderr.replace("│", " ").split())


def test_the_report_says_the_same_degradations_as_the_service(folder: Path, weights: Path):
    report = folder.parent / "report.jsonl"
    restore(folder / "a.png", folder.parent / "a.png", weights, "--report", str(report))
    (line,) = report.read_text().splitlines()
    assert set(json.loads(line)["degradations"]) == {"rain", "noise"}


def test_the_version_is_shown():
    words = [sys.executable, "-m", "service", "--version"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, f"abair {__version__}\n")
