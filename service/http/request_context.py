"""What surrounds every request: its id, its metrics, its log line, and unexpected errors."""

import re
import time
import uuid
from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import ClientGoneError, ServiceError
from service.http.dependencies import service_of
from service.http.problems import answer_problem, set_request_id, shortened

QUIET = frozenset({"/healthz", "/readyz", "/page/"})
"""Endpoints whose requests are logged at the level ``debug``."""
OTHER = "other"
"""Label of requests that match no route."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = structlog.get_logger("abair.requests")


class RequestContext:
    """ASGI middleware: gives each request an id, and measures, counts and logs it.

    Errors that nobody else caught are answered with 500.

    Args:
        app: The application.
        routes: Its routes. Their paths are the values of the metrics' label ``endpoint``.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[Route] = ()) -> None:
        self._app, self._routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        identity = given if _ID.fullmatch(given) else uuid.uuid4().hex
        set_request_id(scope, identity)
        began, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = identity
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=identity):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                log.exception("unexpected error")
                if status:
                    raise
                error = ServiceError("an unexpected error inside the service")
                await answer_problem(scope, error)(scope, receive, send_with_id)
            finally:
                endpoint = endpoint_of(scope, self._routes)
                seconds = time.perf_counter() - began
                _note(scope, endpoint, status or ClientGoneError.status, seconds)


def _note(scope: Scope, endpoint: str, status: int, seconds: float) -> None:
    """Count and log one request."""
    metrics = service_of(scope).metrics
    metrics.requests.labels(endpoint, str(status)).inc()
    metrics.request_seconds.labels(endpoint).observe(seconds)
    write = log.debug if endpoint in QUIET else log.info
    write(
        "request",
        method=scope["method"],
        path=shortened(scope["path"]),
        status=status,
        seconds=round(seconds, 4),
        client=shortened((scope.get("client") or ("", 0))[0]),
    )


def endpoint_of(scope: Scope, routes: Sequence[Route]) -> str:
    """Return the path of the route that a request matches, without parameters; else ``OTHER``.

    A request that was refused before routing is matched here.
    """
    route = scope.get("route")
    if not isinstance(route, Route):
        found = (one for one in routes if one.matches(scope)[0] is not Match.NONE)
        route = next(found, None)
    return OTHER if route is None else route.path.partition("{")[0]
