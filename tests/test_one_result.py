"""One file gives one result: over HTTP, by the command, and in Python."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from asgi_lifespan import LifespanManager
from PIL import Image, ImageOps

from model import Restorer
from model.cli.restoring import FileJob, FileOptions, restore_file
from model.storage import checkpoint
from service.app import create_app
from service.settings import Settings
from tests.model.conftest import make_network
from tools.picture_files import exif_block, file_of, profile, waves


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Weights of a tiny network that changes every picture."""
    network, folder = make_network(2, 3), tmp_path / "weights"
    network.estimator.classify.weight.zero_()
    network.estimator.classify.bias.fill_(0.5)
    checkpoint.save_base(network, folder, name="tiny", licence="", provenance={})
    network.info = checkpoint.load_base(folder).info
    for info in network.adapters:
        own = folder / "adapters" / info.name
        checkpoint.save_adapter(network, info.name, own, config={}, card="")
    checkpoint.save_estimator(network, folder, provenance={})
    return folder


def jpegs() -> dict[str, bytes]:
    """Photographs with profiles and orientations, as cameras and presses write them."""
    inks = Image.fromarray(waves()).convert("CMYK")
    exif = exif_block(6)
    return {
        "plain": file_of(waves(), "JPEG"),
        "turned": file_of(waves(), "JPEG", exif=exif),
        "sRGB": file_of(waves(), "JPEG", icc_profile=profile("sRGB")),
        "Display P3, turned": file_of(
            waves(), "JPEG", icc_profile=profile("Display P3"), exif=exif
        ),
        "Adobe RGB": file_of(waves(), "JPEG", icc_profile=profile("Adobe RGB")),
        "grey, turned": file_of(waves(channels=1)[:, :, 0], "JPEG", exif=exif),
        "inks, turned": file_of(inks, "JPEG", icc_profile=profile("Inks"), exif=exif),
    }


def by_command(restorer: Restorer, data: bytes, folder: Path) -> Image.Image:
    source, target = folder / "photo.jpg", folder / "answer.png"
    source.write_bytes(data)
    restore_file(restorer, FileJob(source, target), FileOptions())
    return Image.open(io.BytesIO(target.read_bytes()))


@pytest.mark.anyio
async def test_one_jpeg_gives_equal_pixels_over_http_by_the_command_and_in_python(
    weights, tmp_path
):
    restorer = Restorer.load(weights)
    app = create_app(Settings(model_path=weights))
    async with LifespanManager(app):
        await app.state.service.state.loaded.wait()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            for name, data in jpegs().items():
                answer = await client.post(
                    "/restore", params={"format": "png"}, files={"image": data}
                )
                assert answer.status_code == 200, answer.text
                over_http = Image.open(io.BytesIO(answer.content))
                in_python = restorer.restore(Image.open(io.BytesIO(data)))
                commanded = by_command(restorer, data, tmp_path)
                for other in (over_http, commanded):
                    assert np.array_equal(np.asarray(in_python), np.asarray(other)), name
                    assert in_python.info.get("icc_profile") == other.info.get("icc_profile"), name
                before = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
                changed = before.shape != np.asarray(in_python).shape or not np.array_equal(
                    before, np.asarray(in_python)
                )
                assert changed, name
