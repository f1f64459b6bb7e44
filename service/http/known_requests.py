"""Requests that mean an endpoint although they are written in another way than its route."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class KnownRequests:
    """ASGI middleware: a slash at the end of a path is left out, and ``HEAD`` works like ``GET``.

    A redirect to the path without the slash would lose the body in many clients. It would also
    repeat the ``Host`` header, which the caller chooses.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope["path"] = scope["path"][:-1]  # the log and the metrics see this path too
        if scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_head)
