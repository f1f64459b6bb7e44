"""What surrounds every request: its id, its count, its log line, its key. Pure ASGI."""

import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import (
    ClientGoneError,
    ForbiddenError,
    ServiceError,
    UnauthorizedError,
    problem_response,
)
from service.metrics import ServiceMetrics

PROBES = frozenset({"/healthz", "/readyz"})
OPEN_PATHS = PROBES | {"/", "/docs", "/openapi.json"}
"""Paths that need no key: the probes, and what the package itself holds for everybody to read."""
PAGE_FILES = "/page/"
"""Paths that begin so need no key either: the files of the page."""
QUIET = PROBES | {PAGE_FILES}
"""Endpoints that are logged for debugging alone."""
ENDPOINTS = OPEN_PATHS | {"/restore", "/degradation-map", "/adapters", "/metrics"}
"""Values of the metrics' label; so is ``PAGE_FILES``; whatever else is asked for is ``other``."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ID_KEY = "abair.request_id"

log = structlog.get_logger("abair.requests")


def request_id(scope: Scope) -> str:
    """Return the id of the request of ``scope``."""
    return str(scope.get(_ID_KEY, ""))


def answer_problem(scope: Scope, error: ServiceError) -> Response:
    """Count a problem and make its answer."""
    _metrics(scope).refusals.labels(error.code).inc()
    return problem_response(error, request_id(scope))


def _metrics(scope: Scope) -> ServiceMetrics:
    metrics: ServiceMetrics = scope["app"].state.lifecycle.metrics
    return metrics


class RequestContext:
    """Gives each request an id, measures and logs it, and answers what nobody else caught."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        identity = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope[_ID_KEY] = identity
        began, status = time.perf_counter(), 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = identity
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=identity):
            try:
                await self._app(scope, receive, send_marked)
            except Exception:
                log.exception("unexpected error")
                if status:
                    raise
                error = ServiceError("an unexpected error inside the service")
                await answer_problem(scope, error)(scope, receive, send_marked)
            finally:
                _note(scope, status or ClientGoneError.status, time.perf_counter() - began)


def _note(scope: Scope, status: int, seconds: float) -> None:
    """Count and log one request."""
    path = scope["path"]
    endpoint = _endpoint(path)
    metrics = _metrics(scope)
    metrics.requests.labels(endpoint, str(status)).inc()
    metrics.request_seconds.labels(endpoint).observe(seconds)
    write = log.debug if endpoint in QUIET else log.info
    write(
        "request",
        method=scope["method"],
        path=path,
        status=status,
        seconds=round(seconds, 4),
        client=(scope.get("client") or ("", 0))[0],
    )


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(PAGE_FILES)


def _endpoint(path: str) -> str:
    if path.startswith(PAGE_FILES):
        return PAGE_FILES
    return path if path in ENDPOINTS else "other"


class KeyCheck:
    """Lets in whoever shows one of the keys; everybody if there are none.

    Args:
        app: What to guard.
        keys: The keys.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self._app = app
        self._digests = [hashlib.sha256(key.encode()).digest() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http" and self._digests and not _is_open(scope["path"]):
            error = self._refusal(Headers(scope=scope))
            if error is not None:
                await answer_problem(scope, error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers) -> ServiceError | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        shown = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        if not shown:
            return UnauthorizedError(
                "this service wants a key", headers={"WWW-Authenticate": "Bearer"}
            )
        digest = hashlib.sha256(shown.encode()).digest()
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return None if any(matches) else ForbiddenError("the key is not known here")
