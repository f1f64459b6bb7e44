"""API keys: which paths need one, and who may use them.

The check is ASGI middleware and no dependency of the endpoints, so that it comes before routing:
without a key, nobody learns which paths exist, and no endpoint can forget it.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import ForbiddenError, NotFoundError, ServiceError, UnauthorizedError
from service.http.problems import answer_problem

OPEN_PATHS = frozenset({"/", "/docs", "/healthz", "/openapi.json", "/readyz"})
"""Paths that need no key: the probes, and the files of the package that anybody may read."""
PAGE_FILES = "/page/"
"""Paths that begin with this need no key either: the files of the page."""
ADMIN_PATHS = frozenset({"/adapters/reload"})
"""Paths that need a key of the operator."""

_PATH = re.compile(r"[A-Za-z0-9._/-]+")
"""The path of every endpoint consists of these characters."""
_KEY_DIGEST = "abair.key_digest"


def key_digest(scope: Scope) -> str:
    """Return a digest of the key that a request showed; empty if keys are off."""
    return str(scope.get(_KEY_DIGEST, ""))


class KeyCheck:
    """Refuses requests that need a key and do not show a valid one.

    Args:
        app: The application.
        keys: Keys of callers. If there are none, callers need no key.
        admin_keys: Keys of operators, for ``ADMIN_PATHS`` too. If there are none, nobody may use
            these paths.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[str], admin_keys: Sequence[str] = ()) -> None:
        self._app = app
        self._admins = [_digest(key) for key in admin_keys]
        self._callers = [_digest(key) for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http":
            shown = _digest(_shown_key(Headers(scope=scope)))
            error = _unknown_path(scope["path"]) or self._refusal(scope["path"], shown)
            if error is not None:
                await answer_problem(scope, error)(scope, receive, send)
                return
            if self._callers and not _is_open(scope["path"]):
                scope[_KEY_DIGEST] = shown.hex()[:12]
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
            valid = self._admins
        elif not self._callers:
            return None
        else:
            valid = self._callers + self._admins
        if shown == _digest(""):
            return UnauthorizedError(
                "this service wants a key", headers={"WWW-Authenticate": "Bearer"}
            )
        matches = [hmac.compare_digest(shown, one) for one in valid]
        return None if any(matches) else ForbiddenError("the key is not known here")


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(PAGE_FILES)


def _unknown_path(path: str) -> ServiceError | None:
    """Refuse a path with a character that no endpoint has.

    The router's patterns end in "$", which also matches before a line break at the end. Therefore
    "/adapters/reload%0A" would reach the endpoint although it is none of ``ADMIN_PATHS``.
    """
    return None if _PATH.fullmatch(path) else NotFoundError("no endpoint has this path")


def _shown_key(headers: Headers) -> str:
    """Return the key that a request shows; empty if it shows none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
