import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest
from PIL import Image
from typer.testing import CliRunner

from model.cli.commands import app

RAY = ["--engine", "ray", "--workers", "2"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nine pictures in a tree, one of them broken."""
    for index in range(9):
        path = tmp_path / f"in/deep{index % 2}/{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(index).integers(0, 256, (24, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    (tmp_path / "in/deep0/0.png").write_text("no picture")
    return tmp_path / "in"


def files_of(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_a_ray_cluster_gives_what_one_process_gives_and_goes_on_where_it_was(
    folder: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(folder.parent)  # relative paths: the workers are elsewhere
    answers = {}
    for name, more in (("local", []), ("ray", RAY)):
        words = ["restore", "in", name, "--weights", str(weights), "--report", f"{name}.jsonl"]
        ended = CliRunner().invoke(app, [*words, *more])
        assert ended.exit_code == 1, ended.output
        assert "8 restored, 1 failed, 0 were there already" in ended.stderr
        assert "0.png: the bytes are no picture" in ended.stderr
        answers[name] = files_of(Path(name))
    assert answers["local"] == answers["ray"]
    assert len(answers["ray"]) == 8
    assert '"input": "in/deep1/1.png"' in Path("ray.jsonl").read_text()

    (folder / "deep0/0.png").unlink()
    Path("ray/deep1/3.png").unlink()
    words = ["restore", "in", "ray", "--weights", str(weights), *RAY]
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0, again.output
    assert "1 restored, 0 failed, 7 were there already" in again.stderr
    assert files_of(Path("ray")) == answers["local"]


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_no_picture(folder: Path, weights: Path):
    out = folder.parent / "out"
    for index in range(30):
        (folder / f"{index}.png").write_bytes((folder / "deep1/1.png").read_bytes())
    words = ["restore", str(folder), str(out), "--weights", str(weights), *RAY]
    run = subprocess.Popen(
        [sys.executable, "-m", "service", *words], stderr=subprocess.PIPE, text=True
    )
    workers: list[psutil.Process] = []
    while len(workers) < 2 or not files_of(out):  # one may work while the other still starts
        assert run.poll() is None, run.stderr
        time.sleep(0.02)
        workers = [p for p in psutil.Process(run.pid).children(recursive=True) if _restores(p)]
    workers[0].kill()
    _, told = run.communicate(timeout=120)
    assert "38 restored, 1 failed" in told
    names = files_of(out)
    assert len(names) == 38
    assert not any(name.endswith(".part") for name in names)


def _restores(process: psutil.Process) -> bool:
    return any("_Worker" in word for word in process.cmdline())


def test_without_ray_the_command_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    words = ["restore", str(folder), str(folder.parent / "out"), "--engine", "ray"]
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == 2
    assert "pip install '.[ray]'" in " ".join(ended.output.replace("│", " ").split())
