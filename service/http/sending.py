"""Answers that are written piece by piece, and count as held until their last byte is written."""

from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PIECE_BYTES = 64 * 2**10
"""Bytes that are written at once. The next piece waits until the caller has taken most of them."""


class HeldResponse(Response):
    """An answer whose memory is given back when the caller has taken it, or is gone.

    Args:
        body: Bytes of the answer.
        headers: Headers of the answer.
        media_type: Type of the answer.
        release: Called once, when nothing of the answer has to be held any more.
    """

    def __init__(
        self,
        body: bytes,
        *,
        headers: dict[str, str],
        media_type: str,
        release: Callable[[], None],
    ) -> None:
        super().__init__(body, headers=headers, media_type=media_type)
        self._release = release

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Write the answer."""
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            body = bytes(self.body)
            for start in range(0, len(body), PIECE_BYTES):
                piece = body[start : start + PIECE_BYTES]
                more = start + PIECE_BYTES < len(body)
                await send({"type": "http.response.body", "body": piece, "more_body": more})
            if not body:
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._release()
