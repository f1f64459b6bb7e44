"""What a replica's memory must be for which settings: ``python -m tests.service.replica_memory``.

Callers send large pictures at once, as many as are let in and more. The engine is a fake one: the
numbers are what a replica takes above its idle model and beside the tiles that the model works on.
"""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
from PIL import Image

from tests.service.running import Running
from tests.service.test_attacks import Attack

CALLERS = 6
PATIENCE_OF_ALL = 900.0
"""Seconds that callers wait; pictures of 100 megapixels take long."""
MEBIBYTE = 2**20
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"queue_memory_bytes": 1024 * MEBIBYTE, "max_pixels": 50_000_000},
    {"queue_memory_bytes": 512 * MEBIBYTE, "max_pixels": 24_000_000},
    {"queue_memory_bytes": 5120 * MEBIBYTE},
    {"decode_threads": 4},
)


def noise(side: int, kind: str) -> bytes:
    """A picture of coarse noise, smooth as a JPEG and flat as a PNG, so that the PNG is small."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (side // 16, side // 16, 3), dtype=np.uint8)
    way = Image.Resampling.NEAREST if kind == "PNG" else Image.Resampling.BILINEAR
    body = io.BytesIO()
    options = {"compress_level": 1} if kind == "PNG" else {"quality": 95}
    Image.fromarray(coarse).resize((side, side), way).save(body, kind, **options)
    return body.getvalue()


def sends(files: dict[str, bytes]) -> Iterator[tuple[str, bytes, str]]:
    """Give what callers send: a name, a file, and the format they ask for."""
    yield "JPEG to JPEG", files["JPEG"], "jpeg"
    yield "PNG to PNG", files["PNG"], "png"
    yield "JPEG to AVIF", files["JPEG"], "avif"


def measure(settings: dict[str, Any], data: bytes, wish: str) -> tuple[int, list[int]]:
    """Return the bytes above idle, and the status of each answer."""
    with Running(**settings) as service:

        def send() -> httpx.Response:
            with httpx.Client(base_url=service.url, timeout=PATIENCE_OF_ALL) as client:
                headers = {"Content-Type": "image/any"}
                return client.post(f"/restore?format={wish}", content=data, headers=headers)

        attacks = [Attack(send) for _ in range(CALLERS)]
        for attack in attacks:
            attack.join()
        found = [0 if one.answer is None else one.answer.status_code for one in attacks]
        return service.growth, sorted(found)


def main() -> None:
    """Print a row per setting and kind of picture."""
    for settings in SETTINGS:
        pixels = settings.get("max_pixels", 100_000_000)
        files = {kind: noise(int(pixels**0.5), kind) for kind in ("JPEG", "PNG")}
        told = ", ".join(f"{name}={value}" for name, value in settings.items()) or "as shipped"
        for name, data, wish in sends(files):
            growth, found = measure(settings, data, wish)
            counts = ", ".join(f"{found.count(one)} x {one}" for one in dict.fromkeys(found))
            print(f"| {told} | {name} | {counts} | {growth // MEBIBYTE} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
