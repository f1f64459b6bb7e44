"""LitServe: its hooks, with batching; one worker on the CPU."""

import argparse
from collections.abc import Sequence
from typing import Any

import litserve
from fastapi import Request, Response

from benchmarks.peers.restoring import BATCH, BATCH_SECONDS, Restoring, read, written
from model.pictures import Picture

Item = tuple[bytes, Picture]


class Restore(litserve.LitAPI):  # type: ignore[misc]
    """LitServe's steps of a request."""

    def setup(self, device: str) -> None:
        self._restoring = Restoring()

    def decode_request(self, request: Request) -> Item:
        data = request["image"].file.read()  # LitServe hands over the form for what is a Request
        return data, read(data)

    def batch(self, inputs: Sequence[Item]) -> Sequence[Item]:
        return inputs

    def predict(self, items: Sequence[Item]) -> list[tuple[Item, Any]]:
        restored = self._restoring.batch([picture.rgb for _, picture in items])
        return list(zip(items, restored, strict=True))

    def unbatch(self, output: list[tuple[Item, Any]]) -> list[tuple[Item, Any]]:
        return output

    def encode_response(self, output: tuple[Item, Any]) -> Response:
        (data, picture), pixels = output
        return Response(written(data, picture, pixels), media_type="image/jpeg")


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    api = Restore(max_batch_size=BATCH, batch_timeout=BATCH_SECONDS, api_path="/restore")
    server = litserve.LitServer(
        api, accelerator="cpu", devices=1, workers_per_device=1, timeout=False
    )
    server.run(
        host="127.0.0.1",
        port=parser.parse_args().port,
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
