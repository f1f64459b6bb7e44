"""Puts the service together: the application, and the server around it."""

import contextlib
import json
import math
import os
import sys
from collections.abc import AsyncIterator

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service import __version__, page
from service.decoding.codec_threads import Decoders
from service.device.engine import Engine
from service.device.loading import load_engine
from service.errors import InvalidOptionsError, ServiceError
from service.http import openapi
from service.http.middleware import KeyCheck, RequestContext, answer_problem, shortened
from service.http.problems import title
from service.http.routes import router
from service.http.server import DrainingServer
from service.observability import logs
from service.settings import Settings, unknown_variables
from service.state import Lifecycle

KEEP_ALIVE_SECONDS = 75
"""Longer than balancers keep idle connections, so that they close first."""

log = structlog.get_logger("abair.app")


def create_app(
    settings: Settings, engine: Engine | None = None, decoders: Decoders | None = None
) -> FastAPI:
    """Make the application.

    Args:
        settings: What the operator set.
        engine: The model; None: it is loaded as ``settings`` say once the application starts.
        decoders: Decode pictures; None: processes do.
    """
    load = load_engine if engine is None else lambda _: engine

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        lifecycle = Lifecycle(settings, load, decoders)
        app.state.lifecycle = lifecycle
        lifecycle.start()
        try:
            yield
        finally:
            await lifecycle.stop()

    app = FastAPI(
        title="ABAIR",
        version=__version__,
        description="Finds out what is wrong with a photograph (noise, blur, rain, haze, low light "
        "or several of them), shows where, and removes it.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # A redirect would repeat the Host header, which the caller chooses.
        redirect_slashes=False,
    )
    app.include_router(router)
    app.include_router(page.make_router())
    openapi.install(app)
    admin_keys = [key.get_secret_value() for key in settings.admin_keys]
    app.add_middleware(KeyCheck, keys=settings.keys, admin_keys=admin_keys)
    app.add_middleware(RequestContext)
    app.add_exception_handler(ServiceError, _tell)
    app.add_exception_handler(HTTPException, _tell)
    app.add_exception_handler(RequestValidationError, _tell)
    return app


async def _tell(request: Request, error: Exception) -> Response:
    """Answer whatever a handler or the router raised as problem+json."""
    if isinstance(error, HTTPException):
        error = _router_error(request, error)
    elif not isinstance(error, ServiceError):
        error = InvalidOptionsError("the request's parameters cannot be used")
    return answer_problem(request.scope, error)


def _router_error(request: Request, error: HTTPException) -> ServiceError:
    told = ServiceError(
        f"{request.method} {shortened(request.scope['path'])}: {error.detail}",
        code=title(error.status_code).lower().replace(" ", "_"),
        hint="See /openapi.json for the endpoints and their methods.",
        headers=error.headers,
    )
    told.status = error.status_code
    return told


class _Served:
    """The running service as its server sees it; there is none before the application started."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    @property
    def _lifecycle(self) -> Lifecycle:
        lifecycle: Lifecycle = self._app.state.lifecycle
        return lifecycle

    @property
    def is_broken(self) -> bool:
        return self._lifecycle.is_broken

    def retire(self) -> None:
        self._lifecycle.retire()

    def drain(self) -> None:
        self._lifecycle.drain()

    def abandon(self) -> None:
        self._lifecycle.abandon()

    async def idle(self) -> None:
        await self._lifecycle.idle()

    async def reload(self) -> None:
        with contextlib.suppress(ServiceError):  # it was logged
            await self._lifecycle.reload()


def make_server(settings: Settings, app: FastAPI) -> DrainingServer:
    """Make the server around ``app``."""
    config = uvicorn.Config(
        app,
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
        config, _Served(app), linger=settings.linger_seconds, grace=settings.grace_seconds
    )


def serve(
    settings: Settings, engine: Engine | None = None, decoders: Decoders | None = None
) -> int:
    """Serve until told to end; return the process's exit code: 0 if nothing was lost.

    Arguments as of ``create_app``.
    """
    logs.configure(settings.log_level)
    for name, near in unknown_variables(os.environ).items():
        log.warning("this variable is no setting and is ignored", name=name, did_you_mean=near)
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
