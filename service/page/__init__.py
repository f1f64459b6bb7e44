"""The web page and the API's documentation: files of the package, read once, served from memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.http.api_keys import PAGE_FILES
from service.http.conditional_requests import answer_once, etag_of

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
}
"""Media types of the files we ship; Python's own table differs from machine to machine."""
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""Content-Security-Policy: nothing from anywhere else, no inline script, no inline style."""
HEADERS = {
    "Cache-Control": "no-cache",  # kept, but asked about: a new version shows at once
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_SWAGGER = ("swagger-ui-bundle.js", "swagger-ui.css")


@dataclass(frozen=True)
class Asset:
    """A file that is served."""

    body: bytes
    media_type: str
    etag: str


@cache
def read_assets() -> dict[str, Asset]:
    """Read the page's files and Swagger UI's, by their path below ``PAGE_FILES``."""
    found = dict(_walk(files(__package__) / "assets"))
    swagger = files("fastapi_swagger.resources")
    found |= {f"swagger/{name}": _read(swagger / name) for name in _SWAGGER}
    return found


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Asset]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, _read(entry)


def _read(file: Traversable) -> Asset:
    body = file.read_bytes()
    return Asset(body, TYPES[file.name[file.name.rindex(".") :]], etag_of(body))


def make_router() -> APIRouter:
    """Make the routes of the page: ``/``, ``/docs`` and their files."""
    assets = read_assets()
    router = APIRouter(include_in_schema=False)

    def answer(request: Request, name: str) -> Response:
        asset = assets.get(name)
        if asset is None:
            raise HTTPException(404, "there is no such file")
        return answer_once(
            request, asset.body, etag=asset.etag, media_type=asset.media_type, headers=HEADERS
        )

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        """Show the web page."""
        return answer(request, "index.html")

    @router.api_route("/docs", methods=["GET", "HEAD"])
    async def docs(request: Request) -> Response:
        """Show the API's documentation."""
        return answer(request, "docs.html")

    @router.api_route(PAGE_FILES + "{name:path}", methods=["GET", "HEAD"])
    async def asset(request: Request, name: str) -> Response:
        """Send a file of the page."""
        return answer(request, name)

    return router
