"""A plain FastAPI handler, as FastAPI's documentation advises for work that blocks: not async.

Handlers run in its pool of threads; the model takes one picture at a time, so that it has as many
threads as everywhere else.
"""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response, UploadFile

from benchmarks.peers.restoring import Restoring, read, written


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the model before the first request."""
    app.state.restoring, app.state.one_at_a_time = Restoring(), threading.Lock()
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/restore")
def restore(image: UploadFile, request: Request) -> Response:
    """Restore one picture."""
    data = image.file.read()
    picture = read(data)
    with request.app.state.one_at_a_time:
        (pixels,) = request.app.state.restoring.batch([picture.rgb])
    return Response(written(data, picture, pixels), media_type="image/jpeg")
