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
    NotFoundError,
    ServiceError,
    UnauthorizedError,
)
from service.http.problems import problem_response
from service.observability.metrics import ServiceMetrics

PROBES = frozenset({"/healthz", "/readyz"})
OPEN_PATHS = PROBES | {"/", "/docs", "/openapi.json"}
"""Paths that need no key: the probes, and what the package itself holds for everybody to read."""
PAGE_FILES = "/page/"
"""Paths that begin so need no key either: the files of the page."""
QUIET = PROBES | {PAGE_FILES}
"""Endpoints that are logged for debugging alone."""
ADMIN_PATHS = frozenset({"/adapters/reload"})
"""Paths that need an operator's key."""
ENDPOINTS = OPEN_PATHS | ADMIN_PATHS | {"/restore", "/degradation-map", "/adapters", "/metrics"}
"""Values of the metrics' label; so is ``PAGE_FILES``; whatever else is asked for is ``other``."""

LONGEST = 256
"""Characters of a path that are logged."""

_PATH = re.compile(r"[A-Za-z0-9._/-]+")
"""Every endpoint's path consists of these characters."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ID_KEY = "abair.request_id"
_OWNER_KEY = "abair.owner"

log = structlog.get_logger("abair.requests")


def request_id(scope: Scope) -> str:
    """Return the id of the request of ``scope``."""
    return str(scope.get(_ID_KEY, ""))


def owner(scope: Scope) -> str:
    """Return a word for the key that the request of ``scope`` showed; empty: keys are off."""
    return str(scope.get(_OWNER_KEY, ""))


def answer_problem(scope: Scope, error: ServiceError) -> Response:
    """Count a problem and make its answer."""
    _metrics(scope).refusals.labels(error.code).inc()
    return problem_response(error, request_id(scope))


def _metrics(scope: Scope) -> ServiceMetrics:
    metrics: ServiceMetrics = scope["app"].state.lifecycle.metrics
    return metrics


def shortened(text: str) -> str:
    """Return at most ``LONGEST`` characters of what a caller sent, to log it or to answer it."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


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
        path=shortened(path),
        status=status,
        seconds=round(seconds, 4),
        client=shortened((scope.get("client") or ("", 0))[0]),
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
        keys: The keys; none: everybody may do what callers may.
        admin_keys: Keys that open ``ADMIN_PATHS`` too; none: nobody may go there.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[str], admin_keys: Sequence[str] = ()) -> None:
        self._app = app
        self._admins = [_digest(key) for key in admin_keys]
        self._callers = [_digest(key) for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http":
            shown = _digest(_shown(Headers(scope=scope)))
            error = _unknown_path(scope["path"]) or self._refusal(scope["path"], shown)
            if error is not None:
                await answer_problem(scope, error)(scope, receive, send)
                return
            if self._callers and not _is_open(scope["path"]):
                scope[_OWNER_KEY] = shown.hex()[:12]
        await self._app(scope, receive, send)

    def _refusal(self, path: str, shown: bytes) -> ServiceError | None:
        if _is_open(path):
            return None
        if path in ADMIN_PATHS:
            if not self._admins:
                return ForbiddenError(
                    "nobody may do this over HTTP here",
                    hint="The operator names keys for it in ABAIR_ADMIN_KEYS, or sends SIGHUP.",
                )
            known = self._admins
        elif not self._callers:
            return None
        else:
            known = self._callers + self._admins
        if shown == _digest(""):
            return UnauthorizedError(
                "this service wants a key", headers={"WWW-Authenticate": "Bearer"}
            )
        matches = [hmac.compare_digest(shown, one) for one in known]
        return None if any(matches) else ForbiddenError("the key is not known here")


def _unknown_path(path: str) -> ServiceError | None:
    """Refuse a path with a character that no endpoint has.

    The router's patterns end in "$", which also matches before a line break at the end. Therefore
    "/adapters/reload%0A" would reach the endpoint although it is none of ``ADMIN_PATHS``.
    """
    return None if _PATH.fullmatch(path) else NotFoundError("no endpoint has this path")


def _shown(headers: Headers) -> str:
    """Return the key that a request shows; empty: none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
