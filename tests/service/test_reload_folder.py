"""Reloading a folder that somebody spoilt: 409, and what was loaded serves on."""

import shutil
from pathlib import Path

import httpx
import pytest
from asgi_lifespan import LifespanManager

from service.app import create_app
from service.settings import Settings
from tests.model.cli.conftest import weights
from tests.model.storage.test_adapter_files import WRONG, change
from tests.service.test_problems import PNG, check
from tools.fakes import file_of, photo

__all__ = ["weights"]

pytestmark = pytest.mark.anyio
ADMIN = {"X-API-Key": "operator"}


async def test_no_config_of_an_adapter_stops_the_service(weights: Path, tmp_path: Path):
    folder = tmp_path / "weights"
    shutil.copytree(weights, folder)
    config = folder / "adapters/rain/adapter_config.json"
    good = config.read_bytes()
    settings = Settings(admin_keys="operator", model_path=folder, device="cpu", threads=1)
    app = create_app(settings)
    async with LifespanManager(app, startup_timeout=60):
        await app.state.lifecycle.loaded.wait()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            before = (await client.get("/adapters")).content
            for wrong in WRONG.values():
                change(config.parent, dict(wrong))
                answer = await client.post("/adapters/reload", headers=ADMIN)
                problem = check(answer, 409, "reload_failed")
                assert "adapter_config.json cannot be used" in problem["detail"]
                assert problem["detail"].isprintable()
                config.write_bytes(good)
            assert (await client.get("/adapters")).content == before
            answer = await client.post("/restore", content=file_of(photo()), headers=PNG)
            assert answer.status_code == 200
            assert (await client.post("/adapters/reload", headers=ADMIN)).status_code == 200
            assert (await client.get("/adapters")).content == before
