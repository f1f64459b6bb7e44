"""Answers that a caller need not be sent twice: ETag and If-None-Match."""

import hashlib
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response


def etag_of(body: bytes) -> str:
    """Return the strong ETag of ``body``."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def answer_once(
    request: Request,
    body: bytes,
    *,
    etag: str,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with ``body``, or with 304 when the caller says that it has it."""
    sent = {"ETag": etag, **(headers or {})}
    known = request.headers.get("if-none-match", "").split(",")
    if {tag.strip().removeprefix("W/") for tag in known} & {etag, "*"}:
        return Response(status_code=304, headers=sent)
    return Response(body, headers=sent, media_type=media_type)
