"""Cross-origin requests (CORS): which pages of other origins may call the service."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import ForbiddenOriginError
from service.http.problems import answer_problem

METHODS = ("GET", "HEAD", "POST")
EXPOSED = (
    "ETag",
    "Restore-Adapters",
    "Restore-Degradations",
    "Restore-Model",
    "Restore-Notice",
    "Retry-After",
    "Server-Timing",
    "X-Request-Id",
)
"""Headers of answers that the script of a page may read."""
PREFLIGHT_SECONDS = 600
"""Seconds in which a browser need not ask again whether it may send a request."""


class CrossOrigin(CORSMiddleware):
    """Starlette's CORS middleware, whose refusals are problem+json.

    Args:
        app: The application.
        origins: Origins of the pages, such as ``https://example.org``; ``*``: any.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=["*"],
            expose_headers=EXPOSED,
            max_age=PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        error = self._refusal(scope) if scope["type"] == "http" else None
        if error is None:
            await super().__call__(scope, receive, send)
        else:
            await answer_problem(scope, error)(scope, receive, send)

    def _refusal(self, scope: Scope) -> ForbiddenOriginError | None:
        """Return why a browser may not send the request that it asks about; None: it may."""
        headers = Headers(scope=scope)
        origin, method = headers.get("origin"), headers.get("access-control-request-method")
        if scope["method"] != "OPTIONS" or origin is None or method is None:
            return None
        if self.preflight_response(headers).status_code < 400:
            return None
        return ForbiddenOriginError(f"pages of {origin} may not send {method} requests here")
