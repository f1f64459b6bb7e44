"""Makes the page's example pictures: ``python -m tests.page.examples``. Run it for new weights.

Photographs free to ship are degraded with ``model.degradations``; the first one is restored by
the service itself, so that the page shows a finished picture before anybody clicks.
"""

import asyncio
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from asgi_lifespan import LifespanManager
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from model.config import Degradation
from model.degradations import degrade
from service.app import create_app
from service.settings import Settings

FOLDER = Path(__file__).parents[2] / "service" / "page" / "assets" / "examples"
LONG_SIDE = 600
QUALITY = 94
KEPT_HEADERS = (
    "Restore-Degradations",
    "Restore-Removed",
    "Restore-Adapters",
    "Restore-Model",
    "Content-Type",
)


@dataclass(frozen=True)
class Example:
    """One example.

    Attributes:
        name: Of its file.
        title: For people.
        alt: What is to be seen.
        photograph: Returns the clean picture, uint8 (H, W) or (H, W, 3).
        severities: Of each degradation; two of them share the picture left and right.
        seed: Of the degradations.
    """

    name: str
    title: str
    alt: str
    photograph: Callable[[], NDArray[np.uint8]]
    severities: Mapping[Degradation, float]
    seed: int = 3


EXAMPLES = (
    Example(
        "lowlight",
        "Low light",
        "A cup of espresso on a red saucer, a spoon beside it",
        data.coffee,
        {Degradation.LOWLIGHT: 0.6},
    ),
    Example(
        "noise",
        "Noise",
        "The face of a tabby cat",
        data.chelsea,
        {Degradation.NOISE: 0.5},
    ),
    Example(
        "rain",
        "Rain",
        "A rocket on its launch pad at dusk",
        data.rocket,
        {Degradation.RAIN: 0.45},
    ),
    Example(
        "haze",
        "Haze",
        "A man behind a film camera on a lawn, in black and white",
        data.camera,
        {Degradation.HAZE: 0.5},
    ),
    Example(
        "blur",
        "Blur",
        "An astronaut in an orange suit before a flag and a model of the shuttle",
        data.astronaut,
        {Degradation.BLUR: 0.35},
    ),
    Example(
        "mixture",
        "A mixture",
        "The face of a tabby cat, one half of the picture noisy, the other dark",
        data.chelsea,
        {Degradation.NOISE: 0.5, Degradation.LOWLIGHT: 0.6},
    ),
)


def draw(example: Example) -> bytes:
    """Degrade the photograph of an example; return it as a JPEG file."""
    image = Image.fromarray(example.photograph()).convert("RGB")
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    clean = np.asarray(image, np.float32) / np.float32(255)
    rng = np.random.default_rng(example.seed)
    parts = [degrade(clean, kind, amount, rng) for kind, amount in example.severities.items()]
    degraded = parts[0].copy()
    half = degraded.shape[1] // 2
    degraded[:, half:] = parts[-1][:, half:]
    body = io.BytesIO()
    pixels = np.rint(degraded * 255).astype(np.uint8)
    Image.fromarray(pixels).save(body, "JPEG", quality=QUALITY, subsampling=0)
    return body.getvalue()


async def restore(picture: bytes) -> tuple[httpx.Response, httpx.Response]:
    """Let the service restore and map a picture."""
    app = create_app(Settings())
    async with LifespanManager(app, startup_timeout=60):
        await app.state.service.state.loaded.wait()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            restored = await client.post("/restore", files={"image": picture})
            mapped = await client.post("/degradation-map", files={"image": picture})
    return restored.raise_for_status(), mapped.raise_for_status()


def main() -> None:
    """Write every example and the list of them."""
    FOLDER.mkdir(exist_ok=True)
    listed: list[dict[str, object]] = []
    for example in EXAMPLES:
        file = f"{example.name}.jpg"
        (FOLDER / file).write_bytes(draw(example))
        listed.append({"file": file, "title": example.title, "alt": example.alt})
    restored, mapped = asyncio.run(restore((FOLDER / f"{EXAMPLES[0].name}.jpg").read_bytes()))
    (FOLDER / f"{EXAMPLES[0].name}.restored.jpg").write_bytes(restored.content)
    listed[0]["finished"] = {
        "file": f"{EXAMPLES[0].name}.restored.jpg",
        "headers": {name.lower(): restored.headers[name] for name in KEPT_HEADERS},
        "map": mapped.json(),
    }
    (FOLDER / "examples.json").write_text(json.dumps(listed, indent=1) + "\n")


if __name__ == "__main__":
    main()
