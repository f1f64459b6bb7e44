"""The recipes of docs/integrations.md run, with the real clients, against a real server."""

import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import imagecodecs
import numpy as np
import pytest
import torch
import yaml

from service.app import create_app, make_server
from service.settings import Settings
from tools.fakes import FakeEngine, file_of, photo, picture_of

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "integrations.md").read_text()
URL = "http://127.0.0.1:8000"
PATIENCE = 60
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")


def has_fetch() -> bool:
    """Whether there is a Node with ``fetch``."""
    node = shutil.which("node")
    if node is None:
        return False
    said = subprocess.run([node, "-p", "typeof fetch"], capture_output=True, text=True, check=False)
    return said.stdout.strip() == "function"


needs_node = pytest.mark.skipif(not has_fetch(), reason="Node 18 or newer is missing")


def blocks(heading: str) -> list[str]:
    """Return the blocks of code below a heading."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    return re.findall(r"```\w+\n(.*?)```", section, re.DOTALL)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a real server."""
    given = Settings(port=0, linger_seconds=0.0)
    server = make_server(given, create_app(given, FakeEngine()))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    while httpx.get(f"{address}/readyz").status_code != 200:
        time.sleep(0.01)
    yield address
    server.should_exit = True
    thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photograph."""
    (tmp_path / "photo.jpg").write_bytes(file_of(photo(), "JPEG", quality=95))
    return tmp_path


def run(folder: Path, *command: str) -> str:
    """Run a program in a folder; return what it wrote."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_restored(path: Path) -> bool:
    """Whether a file is the photograph as the fake engine restores it: inverted."""
    off = np.abs(picture_of(path.read_bytes()).astype(int) - (255 - photo()))
    return bool(off.mean() < 10)


@needs_curl
def test_curl(url: str, folder: Path):
    for block in blocks("curl"):
        run(folder, "sh", "-euc", block.replace(URL, url))
    options = ["restored.jpg", "restored.png"]
    assert (folder / "restored.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert is_restored(folder / options[1])


def test_python(url: str, folder: Path):
    said = [run(folder, sys.executable, "-c", code.replace(URL, url)) for code in blocks("Python")]
    assert "noise" in said[0]
    assert is_restored(folder / "restored.jpg")
    assert np.load(folder / "restored.npy").flat[0] == 127


@needs_node
def test_javascript(url: str, folder: Path):
    (folder / "recipe.mjs").write_text(blocks("JavaScript")[0].replace(URL, url))
    assert "noise" in run(folder, "node", "recipe.mjs")
    assert (folder / "restored.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_n8n_sends_the_form_that_its_node_describes(url: str, folder: Path):
    given = json.loads(blocks("n8n")[0])["nodes"][0]["parameters"]
    fields = given["bodyParameters"]["parameters"]
    data = (folder / "photo.jpg").read_bytes()
    answer = httpx.request(
        given["method"],
        given["url"].replace(URL, url),
        files={one["name"]: data for one in fields if one["parameterType"] == "formBinaryData"},
        data={one["name"]: one["value"] for one in fields if one["parameterType"] == "formData"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")


@needs_node
def test_node_red_makes_a_form_that_is_read(url: str, folder: Path):
    program = (
        'const fs = require("node:fs"); const msg = { payload: fs.readFileSync("photo.jpg") };'
        f"const made = (() => {{ {blocks('Node-RED')[0].replace(URL, url)} }})();"
        """
        const form = new FormData();
        for (const [name, one] of Object.entries(made.payload)) {
          if (typeof one === "string") form.append(name, one);
          else form.append(name, new Blob([one.value]), one.options.filename);
        }
        fetch(made.url, { method: made.method, body: form })
          .then((answer) => console.log(answer.status));
        """
    )
    assert run(folder, "node", "-e", program).strip() == "200"


@needs_curl
def test_json_with_base64(url: str, folder: Path):
    run(folder, "sh", "-euc", blocks("JSON with base64")[0].replace(URL, url))
    assert (folder / "restored.jpg").read_bytes()[:2] == b"\xff\xd8"


@needs_curl
def test_darktable(url: str, folder: Path):
    deep = photo().astype(np.uint16) * 257
    (folder / "a b.tif").write_bytes(imagecodecs.tiff_encode(deep, photometric="rgb"))
    (folder / "restore.sh").write_text(blocks("darktable")[0].replace(URL, url))
    run(folder, "sh", "restore.sh", "a b.tif")
    restored = imagecodecs.png_decode((folder / "a b-restored.png").read_bytes())
    np.testing.assert_array_equal(restored, 65535 - deep)


def test_comfyui(url: str):
    spec = importlib.util.spec_from_file_location("node", DOCS / "integrations/comfyui_abair.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    node = module.NODE_CLASS_MAPPINGS["AbairRestore"]
    pictures = torch.from_numpy(photo()).float()[None].repeat(2, 1, 1, 1) / 255
    restored, damage = getattr(node(), node.FUNCTION)(pictures, url, "auto", 1.0)
    assert set(node.INPUT_TYPES()["required"]) == {"image", "url", "adapters", "strength"}
    torch.testing.assert_close(restored, 1 - pictures)
    assert damage.shape == pictures.shape[:3]
    assert 0 <= float(damage.min()) <= float(damage.max()) <= 1


@needs_curl
def test_home_assistant(url: str, folder: Path):
    given = yaml.safe_load(io.StringIO(blocks("Home Assistant")[0]))
    (folder / "door.jpg").write_bytes((folder / "photo.jpg").read_bytes())
    command = given["shell_command"]["restore_snapshot"].replace("/config/www", str(folder))
    run(folder, "sh", "-euc", command.replace(URL, url))
    assert is_restored(folder / "door-restored.jpg")
    assert given["automation"][0]["actions"][-1]["action"] == "shell_command.restore_snapshot"
