"""Puts the service together: its parts, the application, and the server."""

import contextlib
import itertools
import json
import math
import os
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import Route

from service import __version__, page
from service.admission.admission import Admission
from service.admission.upload_clock import UploadClock
from service.decoding.codec_threads import CodecThreads, DecoderSource
from service.decoding.process_host import DecodingHost
from service.device.engine import Engine
from service.device.load_engine import load_engine
from service.errors import ServiceError
from service.http.api_keys import KeyCheck
from service.http.connections import ConnectionLimits, GuardedProtocol
from service.http.cross_origin import CrossOrigin
from service.http.dependencies import Service
from service.http.known_requests import KnownRequests
from service.http.openapi import DocumentedAPI
from service.http.problems import install_error_handlers
from service.http.request_context import RequestContext
from service.http.routes import adapters, operations, pictures
from service.http.server import DrainingServer
from service.observability import logs
from service.observability.metrics import ServiceMetrics
from service.reload import ModelLoader
from service.settings import Settings, unknown_variables
from service.state import ServiceState

KEEP_ALIVE_SECONDS = 75
"""Longer than balancers keep idle connections, so that they close first."""

log = structlog.get_logger("abair.app")


def create_app(
    settings: Settings, engine: Engine | None = None, decoders: DecoderSource | None = None
) -> FastAPI:
    """Make the application.

    Args:
        settings: What the operator set.
        engine: The model; None: it is loaded as ``settings`` say when the application starts.
        decoders: Makes the decoders; None: pictures are decoded in processes.
    """
    load = load_engine if engine is None else lambda _: engine

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running_service(settings, load, decoders or DecodingHost()) as service:
            app.state.service = service
            yield

    app = DocumentedAPI(
        title="ABAIR",
        version=__version__,
        description="Finds out what is wrong with a photograph (noise, blur, rain, haze, low light "
        "or several of them), shows where, and removes it.\n\n"
        "**Keys.** If the operator has set keys, send yours in one of two headers: "
        "`Authorization: Bearer KEY` or `X-API-Key: KEY`. In `/docs`, press *Authorize* and enter "
        "it. A padlock marks an endpoint that needs a key then. `/healthz` and `/readyz` "
        "never need one; `/adapters/reload` always needs a key of the operator.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # KnownRequests says why
    )
    routers = (pictures.router, adapters.router, operations.router, page.make_router())
    for router in routers:
        app.include_router(router)
    every_route = itertools.chain(app.routes, *(router.routes for router in routers))
    routes = [route for route in every_route if isinstance(route, Route)]
    admin_keys = [key.get_secret_value() for key in settings.admin_keys]
    # The last one that is added comes first.
    app.add_middleware(KeyCheck, keys=settings.keys, admin_keys=admin_keys)
    app.add_middleware(KnownRequests)
    if settings.cors_origins:
        app.add_middleware(CrossOrigin, origins=settings.cors_origins)
    app.add_middleware(RequestContext, routes=routes)
    install_error_handlers(app)
    return app


@contextlib.asynccontextmanager
async def running_service(
    settings: Settings, load: Callable[[Settings], Engine], decoders: DecoderSource
) -> AsyncIterator[Service]:
    """Put one service together, start it, and stop it at the end of the block."""
    metrics = ServiceMetrics(CollectorRegistry())
    admission = Admission(settings, metrics)
    upload_clock = UploadClock(settings.upload_pause_seconds)
    codecs = CodecThreads(settings.decode_threads, decoders)
    state = ServiceState(settings, upload_clock)
    state.show(metrics)
    loader = ModelLoader(load, state, codecs, admission, metrics, settings)
    loader.start()
    try:
        yield Service(settings, metrics, admission, upload_clock, codecs, state, loader)
    finally:
        state.drain()
        await loader.stop()
        codecs.close()


class _ServedApp:
    """The running service as its server needs it. There is none before the application starts."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    @property
    def _service(self) -> Service:
        service: Service = self._app.state.service
        return service

    @property
    def is_broken(self) -> bool:
        return self._service.state.is_broken

    def retire(self) -> None:
        self._service.state.retire()

    def drain(self) -> None:
        self._service.state.drain()

    def abandon(self) -> None:
        self._service.abandon()

    async def idle(self) -> None:
        await self._service.state.idle()

    async def reload(self) -> None:
        with contextlib.suppress(ServiceError):  # it was logged
            await self._service.loader.reload()

    def note_ended_connection(self, reason: str) -> None:
        """Count a connection that was ended because it made no progress."""
        self._service.metrics.ended_connections.labels(reason).inc()


def make_server(settings: Settings, app: FastAPI) -> DrainingServer:
    """Make the server for ``app``."""
    served = _ServedApp(app)
    limits = ConnectionLimits(
        settings.head_seconds, settings.answer_pause_seconds, served.note_ended_connection
    )
    config = uvicorn.Config(
        app,
        http=partial(GuardedProtocol, limits=limits),  # type: ignore[arg-type]
        host=settings.host,
        port=settings.port,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.trusted_proxies is not None,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.grace_seconds),
    )
    return DrainingServer(
        config, served, linger=settings.linger_seconds, grace=settings.grace_seconds
    )


def serve(
    settings: Settings, engine: Engine | None = None, decoders: DecoderSource | None = None
) -> int:
    """Serve until a signal ends the process.

    Arguments as of ``create_app``.

    Returns:
        The exit code of the process: 0 if every accepted request was answered.
    """
    logs.configure(settings.log_level)
    for name, similar in unknown_variables(os.environ).items():
        log.warning("this variable is no setting and is ignored", name=name, did_you_mean=similar)
    if settings.is_public:
        log.warning("anybody who reaches this address can use the service: set ABAIR_API_KEYS")
    app = create_app(settings, engine, decoders)
    server = make_server(settings, app)
    try:
        server.run()
    except SystemExit:  # uvicorn, when it cannot listen
        return 1
    return server.exit_code if server.started else 1


def main() -> None:
    """Write the OpenAPI document: ``python -m service.app > docs/api/openapi.json``."""
    document = create_app(Settings()).openapi()
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
