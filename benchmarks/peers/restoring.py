"""What every other server does with a picture: the service's own engine and codecs.

So only the serving differs. Settings are the service's, from ``ABAIR_...`` variables.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from model.pictures import (
    Picture,
    decode,
    default_quality,
    encode,
    natural_encoding,
    read_header,
)
from service.device.engine import Described, Pixels, Removal, RestoreTask
from service.device.torch_engine import TorchEngine
from service.settings import Settings

cv2.setNumThreads(1)  # as in the service: the others belong to the model

BATCH = 8
"""Most pictures in a batch: one of each caller."""
BATCH_SECONDS = 0.01
"""How long a batch waits for companions: Ray Serve's default, and what LitServe's guide shows."""


class Restoring:
    """The model, loaded and warm."""

    def __init__(self) -> None:
        settings = Settings()
        self._tile = settings.tile
        self._engine = TorchEngine.load(settings)
        for side in self._engine.warm_up_sides:
            self._engine.warm_up(side)

    def batch(self, pictures: Sequence[Pixels]) -> list[Pixels]:
        """Restore pictures (H, W, 3), described together, those of equal size restored together."""
        described = self._engine.describe([self._engine.prepare(one) for one in pictures])
        alike: dict[tuple[int, ...], list[int]] = {}
        for index, one in enumerate(pictures):
            alike.setdefault(one.shape, []).append(index)
        restored = [np.empty_like(one) for one in pictures]
        for indices in alike.values():
            self._restore(
                [pictures[i] for i in indices],
                [described[i] for i in indices],
                [restored[i] for i in indices],
            )
        return restored

    def _restore(
        self, pictures: Sequence[Pixels], described: Sequence[Described], out: Sequence[Pixels]
    ) -> None:
        """Restore pictures of one size into ``out``."""
        height, width, _ = pictures[0].shape
        for tile in self._engine.plan_tiles(height, width, self._tile):
            tasks = [
                RestoreTask(one, tile, seen.description, Removal(seen.amounts))
                for one, seen in zip(pictures, described, strict=True)
            ]
            top, left, bottom, right = tile.keep
            for whole, pixels in zip(out, self._engine.restore(tasks), strict=True):
                whole[top:bottom, left:right] = pixels


def read(data: bytes) -> Picture:
    """Decode a picture file."""
    return decode(data)


def written(data: bytes, picture: Picture, restored: Pixels) -> bytes:
    """Encode a restored picture as the service does where nothing is asked for.

    Args:
        data: The file that came.
        picture: What was read from it.
        restored: The pixels.
    """
    header = read_header(data, max_pixels=picture.rgb.size)
    encoding = natural_encoding(header)
    body, _ = encode(picture, restored, encoding, quality=default_quality(header, encoding))
    return body
