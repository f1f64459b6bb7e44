import contextlib

import httpx
import pytest
import structlog
from asgi_lifespan import LifespanManager
from fastapi import FastAPI

from service.app import create_app
from service.http.dependencies import Service
from service.settings import Settings
from tools.fakes import FakeEngine, InProcessDecoders


class Client(httpx.AsyncClient):
    """A client of a service in this process, and what is behind it."""

    app: FastAPI
    service: Service


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def _quiet_logs():
    def drop(*_):
        raise structlog.DropEvent

    structlog.configure(processors=[drop])


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def decoders():
    return InProcessDecoders()


@pytest.fixture
def serving(engine, decoders):
    """Start the service on a fake engine: ``async with serving(setting=value) as client``."""

    @contextlib.asynccontextmanager
    async def start(**given):
        settings = Settings(**{"tile": 64, "max_wait_ms": 0, **given})
        app = create_app(settings, engine, decoders)
        async with LifespanManager(app):
            await app.state.service.state.loaded.wait()
            transport = httpx.ASGITransport(app)
            async with Client(transport=transport, base_url="http://service") as client:
                client.app, client.service = app, app.state.service
                try:
                    yield client
                finally:
                    engine.gate.set()

    return start
