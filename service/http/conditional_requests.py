"""Conditional requests: ETag and If-None-Match, so that an unchanged answer is not sent again."""

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
    """Answer with ``body``, or with 304 if ``If-None-Match`` names its ETag."""
    sent = {"ETag": etag, **(headers or {})}
    known = request.headers.get("if-none-match", "").split(",")
    if {tag.strip().removeprefix("W/") for tag in known} & {etag, "*"}:
        return Response(status_code=304, headers=sent)
    return Response(body, headers=sent, media_type=media_type)
