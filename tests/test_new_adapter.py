"""A new degradation, by the README's commands: from its name to the service that removes it."""

import io
import re
import shlex
import shutil
from pathlib import Path

import httpx
import numpy as np
import pytest
from asgi_lifespan import LifespanManager
from PIL import Image
from typer.testing import CliRunner

from model.storage import checkpoint
from service.__main__ import app
from service.app import create_app
from service.settings import Settings
from tests.model.cli.conftest import weights
from tests.test_docs import README

__all__ = ["weights"]

SECTION = README.split("## Add a degradation")[1].split("\n## ")[0]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def here(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with tiny weights in place of the bundled ones."""
    monkeypatch.setattr(checkpoint, "BUNDLED", weights)
    monkeypatch.setattr("model.storage.adapter_store.BUNDLED", weights)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def photo() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((240, 180))


def abair(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.output


def commands() -> list[list[str]]:
    """The README's commands of this section, at the size of a smoke test."""
    (block,) = re.findall(r"```sh\n(.*?)```", SECTION, flags=re.DOTALL)
    found = []
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        if words[:2] == ["abair", "adapter"]:
            words = re.sub(r" --data \S+ --hours \S+", " --smoke", shlex.join(words)).split()
            found.append([*words[1:], *(["--smoke"] if words[2] == "add" else [])])
    return found


@pytest.mark.slow
def test_the_readmes_five_commands_make_an_adapter_that_is_listed(here):
    photo().save("photo.jpg")
    told = [abair(*words) for words in commands()]
    assert [words[1] for words in commands()] == ["new", "preview", "train", "add", "list"]
    assert "next: abair adapter add dust --weights weights --smoke" in told[2]
    assert "dust" in told[-1]
    with Image.open("grid.png") as grid:
        assert grid.size == (6 * 240, 180 + 18)
    assert not (here / "dust/weights").exists()


def install_dust() -> None:
    """Train and install an adapter, and forget the code that it was trained on."""
    abair("adapter", "new", "dust")
    abair("adapter", "train", "dust", "--smoke")
    abair("adapter", "add", "dust", "--weights", "weights", "--smoke")
    shutil.rmtree("dust")
    assert not list(Path("weights").rglob("*.py"))


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_degradation_of_ones_own_is_served_by_its_weights_alone(here):
    install_dust()
    body = io.BytesIO()
    photo().save(body, "PNG")
    files = {"image": body.getvalue()}
    service = create_app(Settings(model_path=Path("weights"), precision="fp32"))
    async with LifespanManager(service):
        await service.state.lifecycle.loaded.wait()
        transport = httpx.ASGITransport(service)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            told = (await client.get("/adapters")).json()
            report = (
                await client.post("/restore", files=files, headers={"Accept": "application/json"})
            ).json()
            alone, nothing = [
                await client.post("/restore", files=files, params={"adapters": f"dust:{amount}"})
                for amount in (1, 0)
            ]
            chart = (await client.post("/degradation-map", files=files)).json()
            heat = await client.post(
                "/degradation-map", files=files, params={"view": "heat", "class": "dust"}
            )
    assert [one["name"] for one in told["adapters"]] == ["rain", "noise", "dust"]
    dust = told["adapters"][-1]
    assert (dust["title"], dust["degradation"], dust["rank"]) == ("Dust", "dust", 4)
    assert isinstance(dust["gain_db"], float)
    assert set(report["degradations"]) == {"rain", "noise", "dust"}
    assert all(0 <= amount <= 1 for amount in report["degradations"].values())
    assert alone.headers["Restore-Adapters"] == "dust=1.00"
    # The baseline was never told of dust, so what changes the picture is the adapter.
    pixels, before = (np.array(Image.open(io.BytesIO(b))) for b in (alone.content, files["image"]))
    assert not np.array_equal(pixels, before)
    assert np.array_equal(np.array(Image.open(io.BytesIO(nothing.content))), before)
    # The map's classes are the baseline's; a new adapter is known to the estimator alone.
    assert "dust" not in [one["name"] for one in chart["classes"]]
    assert heat.status_code == 422


@pytest.mark.slow
def test_two_new_adapters_share_an_estimator_and_know_resident_ones(here, monkeypatch):
    monkeypatch.setattr("model.training.new_adapters._SMOKE_STEPS", 2)
    for name in ("dust", "jpeg", "snow"):
        abair("adapter", "new", name)
    abair("adapter", "train", "dust", "jpeg", "--smoke")
    told = abair("adapter", "add", "dust", "--weights", "weights", "--smoke", code=2)
    assert "also needs jpeg" in told
    abair("adapter", "add", "dust", "jpeg", "--weights", "weights", "--smoke")
    told = abair("adapter", "train", "snow", "--weights", "weights", "--smoke", code=2)
    assert "training needs the code of dust, which isn't built in" in told
    abair("adapter", "train", "snow", "dust", "--weights", "weights", "--smoke")
    abair("adapter", "add", "snow", "--weights", "weights", "--smoke")
    names = [adapter.name for adapter in checkpoint.load_network(Path("weights")).adapters]
    assert names == ["rain", "noise", "dust", "jpeg", "snow"]
    told = abair("adapter", "train", "snow", "--weights", "weights", "--smoke", code=2)
    assert "snow: already installed in weights" in told
    abair("adapter", "remove", "dust", "--weights", "weights")
    assert "dust" not in abair("adapter", "list", "--weights", "weights")
