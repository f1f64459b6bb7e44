"""From nothing to a better picture: train tiny, save, serve, restore over HTTP, measure."""

import dataclasses
import io
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from asgi_lifespan import LifespanManager
from PIL import Image

from model.config import Degradation, RestorerConfig
from model.degradations import degrade
from model.metrics import psnr
from model.model_info import AdapterInfo
from model.networks.restoration import RestorationNetwork
from model.storage import checkpoint
from model.training.budget import Budget
from model.training.data import Batches
from model.training.loop import Trainer
from model.training.phases import Phase, adapter, baseline, estimator
from model.training.sources import Sample, Sources
from model.training.stream import stream
from service.app import create_app
from service.settings import Settings

SIZES = RestorerConfig(
    widths=(16, 24),
    encoder_blocks=(1,),
    middle_blocks=1,
    decoder_blocks=(1,),
    context_width=4,
    context_dim=16,
    grid_dim=4,
)
ODDS = (("clean", 0.2), ("noise", 0.8))


@pytest.fixture
def anyio_backend():
    return "asyncio"


def draw_picture(seed: int) -> np.ndarray:
    """Soft coloured waves, uint8 (96, 128, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:96, 0:128][..., None] / 40
    waves = np.sin(x * rng.uniform(0.5, 2, 3) + rng.uniform(0, 6, 3)) * np.cos(
        y * rng.uniform(0.5, 2, 3) + rng.uniform(0, 6, 3)
    )
    return np.asarray(np.clip(127 + 90 * waves, 0, 255), np.uint8)


def train(phase: Phase, network: RestorationNetwork, run: Path, steps: int) -> None:
    """Train a phase for some steps on waves with noise, leave the averaged weights in place."""
    mix = dataclasses.replace(phase.mix, odds=ODDS, batch=4, crop=32, window=(48, 96), compound=0.0)
    trainer = Trainer(
        network=network,
        phase=dataclasses.replace(phase, mix=mix),
        run=run,
        budget=Budget(steps=steps),
        validate=lambda _: {},
    )
    batches = Batches(Sources([Sample(draw_picture(seed)) for seed in range(6)]), mix, seed=0)
    assert trainer.fit(lambda start: stream(batches, start, workers=0))
    trainer._put(trainer.average)
    network.eval()


def make_weights(folder: Path, runs: Path) -> None:
    """Train and write the three phases."""
    torch.manual_seed(0)
    network = RestorationNetwork(SIZES)
    train(baseline(), network, runs / "base", 120)
    checkpoint.save_base(network, folder, name="tiny", licence="test", provenance={})

    network = checkpoint.load_base(folder)
    network.install_new(AdapterInfo(name="noise", title="Noise", degradation="noise", rank=4))
    train(adapter(Degradation.NOISE), network, runs / "noise", 60)
    checkpoint.save_adapter(network, "noise", folder / "adapters/noise", config={}, card="")

    network = checkpoint.load_with_adapters(folder)
    train(estimator(), network, runs / "estimator", 100)
    checkpoint.save_estimator(network, folder, provenance={})


def decibels(picture: np.ndarray, clean: np.ndarray) -> float:
    first, second = (torch.from_numpy(p.transpose(2, 0, 1)[None] / 255) for p in (picture, clean))
    return psnr(first.float(), second.float()).item()


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_picture_is_better_after_training_saving_loading_and_http(tmp_path):
    make_weights(tmp_path / "weights", tmp_path / "runs")
    clean = draw_picture(99)
    rng = np.random.default_rng(1)  # white noise; that of a camera takes longer to learn
    noisy = degrade(clean.astype(np.float32) / np.float32(255), Degradation.NOISE, 0.5, rng)
    degraded = np.rint(noisy * 255).astype(np.uint8)
    body = io.BytesIO()
    Image.fromarray(degraded).save(body, "PNG")

    app = create_app(Settings(model_path=tmp_path / "weights", precision="fp32"))
    async with LifespanManager(app):
        await app.state.service.state.loaded.wait()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            answers = {}
            for adapters in ("none", "auto", "noise:1"):
                answers[adapters] = await client.post(
                    "/restore", params={"adapters": adapters}, files={"image": body.getvalue()}
                )
            told = (await client.get("/adapters")).json()

    before = decibels(degraded, clean)
    for adapters, answer in answers.items():
        assert answer.status_code == 200, answer.text
        restored = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert decibels(restored, clean) > before + 1, adapters
    assert "noise" in answers["auto"].headers["Restore-Adapters"]
    assert [one["name"] for one in told["adapters"]] == ["noise"]
