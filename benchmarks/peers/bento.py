"""BentoML: a service that batches adaptively behind one that takes pictures, as its guide composes.

An endpoint that batches takes lists; the one in front turns each request into a list of one.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import ContentType

from benchmarks.peers.restoring import BATCH, Restoring, read, written


@bentoml.service(workers=1, traffic={"timeout": 600})
class Batches:
    """The model behind BentoML's dispatcher."""

    def __init__(self) -> None:
        self._restoring = Restoring()

    @bentoml.api(batchable=True, max_batch_size=BATCH)  # type: ignore[untyped-decorator]
    def restore(self, pictures: list[np.ndarray]) -> list[np.ndarray]:
        return list(self._restoring.batch(pictures))


@bentoml.service(workers=1, traffic={"timeout": 600})
class Restore:
    """What callers see."""

    batches = bentoml.depends(Batches)

    @bentoml.api(route="/restore")  # type: ignore[untyped-decorator]
    async def restore(self, image: Path) -> Annotated[bytes, ContentType("image/jpeg")]:
        data = await asyncio.to_thread(image.read_bytes)
        picture = await asyncio.to_thread(read, data)
        (pixels,) = await self.batches.to_async.restore([picture.rgb])
        return await asyncio.to_thread(written, data, picture, pixels)
