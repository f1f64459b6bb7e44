"""Sends files of every kind to a real server and tells what came back: docs/files.md's table.

python -m tests.service.table
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import httpx
import numpy as np

from service.app import create_app, make_server
from service.observability import logs
from service.settings import Settings
from tools.fakes import FakeEngine, until
from tools.picture_files import facts_of, kinds, values_of

HEAD = (
    "| sent | as | came back as | profile | EXIF | XMP | largest change | notice |\n"
    "|---|---|---|---|---|---|---|---|"
)


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[httpx.AsyncClient]:
    """Run the real server on a free port, on an engine without a model."""
    settings = Settings(port=0, linger_seconds=0, log_level="error")
    app = create_app(settings, FakeEngine())
    server = make_server(settings, app)
    running = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started)
        await app.state.service.state.loaded.wait()
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.should_exit = True
        await running


async def table() -> str:
    """Make the table."""
    async with served() as client:
        rows = [await _row(client, name, data) for name, data in kinds().items()]
    return "\n".join([HEAD, *rows]) + "\n"


async def _row(client: httpx.AsyncClient, name: str, data: bytes) -> str:
    answer = await client.post("/restore", files={"image": data}, data={"strength": "0"})
    assert answer.status_code == 200, answer.text
    sent, came = facts_of(data), facts_of(answer.content)
    return (
        f"| {name} | {_form(sent)} | {_form(came)} | {_change(sent, came, 'icc')} "
        f"| {_change(sent, came, 'exif')} | {_change(sent, came, 'xmp')} "
        f"| {_largest_change(data, answer.content)} | {answer.headers.get('restore-notice', '')} |"
    )


def _form(facts) -> str:
    return f"{facts['format']} {facts['mode']} {facts['bits']} bit {facts['size']}"


def _change(sent, came, what: str) -> str:
    if sent[what] == came[what]:
        return came[what] or "–"  # noqa: RUF001 - a dash in a table
    return f"{sent[what] or 'none'} → {came[what] or 'none'}"


def _largest_change(sent: bytes, came: bytes) -> str:
    """Tell how far the pixels are off, in levels; of lossy formats only that they are lossy."""
    before, after = values_of(sent), values_of(came)
    if before.shape != after.shape or before.dtype.itemsize > 1 == after.dtype.itemsize:
        return "converted"
    if before.dtype.kind == "f":
        same = np.array_equal(np.round(before.clip(0, 1) * 65535), after)
        return "0" if same else "converted"
    off = np.abs(before.astype(np.int64) - after)
    change = int(off.max())
    lossy = came[:2] in (b"\xff\xd8", b"\xff\x0a") or came[8:12] in (b"avif", b"jxl ")
    assert off.mean() < 5 if lossy else change == 0, (change, off.mean())
    return "lossy" if lossy and change else str(change)


if __name__ == "__main__":
    logs.configure("error")
    sys.stdout.write(asyncio.run(table()))
