"""Ray Serve: a FastAPI ingress with dynamic batching, one replica."""

import argparse
import asyncio
import signal
import threading

import ray
from fastapi import FastAPI, Response, UploadFile
from ray import serve

from benchmarks.peers.restoring import BATCH, BATCH_SECONDS, Restoring, read, written
from service.device.engine import Pixels
from service.settings import Settings

CPUS = Settings().threads or 1
api = FastAPI()


@serve.deployment(
    num_replicas=1, max_ongoing_requests=8 * BATCH, ray_actor_options={"num_cpus": CPUS}
)
@serve.ingress(api)
class Restore:
    """The one replica."""

    def __init__(self) -> None:
        self._restoring = Restoring()

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=BATCH_SECONDS)
    async def _batch(self, pictures: list[Pixels]) -> list[Pixels]:
        return await asyncio.to_thread(self._restoring.batch, pictures)

    @api.post("/restore")
    async def restore(self, image: UploadFile) -> Response:
        data = await image.read()
        picture = await asyncio.to_thread(read, data)
        pixels = await self._batch(picture.rgb)
        body = await asyncio.to_thread(written, data, picture, pixels)
        return Response(body, media_type="image/jpeg")


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ray.init(address="local", num_cpus=CPUS, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": parser.parse_args().port})
    serve.run(Restore.bind())  # type: ignore[attr-defined]
    ended.wait()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
