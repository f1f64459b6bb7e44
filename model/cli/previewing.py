"""What ``abair adapter new`` and ``preview`` do: make the folder, show how its pictures look."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from model.degradations import DEGRADATIONS, OwnDegradation
from model.evaluation import SEVERITIES
from model.pictures.folders import read_rgb
from model.training.scenes import draw_scene
from model.training.workspace import SETTINGS, check_name, title_of

_TEMPLATES = Path(__file__).parent / "templates"
_BAND = 18  # pixels above the pictures, for the columns' names


def make_folder(folder: Path) -> None:
    """Make the folder of a new adapter, with a degradation that runs as it is.

    Args:
        folder: Its last part is the adapter's name; that of a built-in degradation gives that one.

    Raises:
        ValueError: If the name can't be one, or something is there already.
    """
    name = folder.name
    check_name(name)
    if folder.exists():
        raise ValueError(f"{folder} exists already: choose another name, or remove it")
    folder.mkdir(parents=True)
    kind = "builtin.py" if name in DEGRADATIONS else "own.py"
    for template, made in ((kind, "degradation.py"), (SETTINGS, SETTINGS), ("README.md",) * 2):
        text = Template((_TEMPLATES / template).read_text(encoding="utf-8"))
        filled = text.substitute(name=name, title=title_of(name))
        (folder / made).write_text(filled, encoding="utf-8")


@dataclass(frozen=True)
class Seen:
    """What a degradation did to the pictures of a preview at one severity.

    Attributes:
        severity: In (0, 1].
        psnr: Mean over the pictures, dB.
        seconds_per_megapixel: Time of making them.
    """

    severity: float
    psnr: float
    seconds_per_megapixel: float


def preview(
    degradation: OwnDegradation, pictures: Sequence[Path], out: Path, *, side: int, seed: int
) -> list[Seen]:
    """Draw clean and degraded pictures side by side, a row a picture, a column a severity.

    Args:
        degradation: What to show.
        pictures: Files; a made-up scene where there are none.
        out: File to write.
        side: Most pixels of a picture's middle that is shown, a side.
        seed: Of what is drawn.

    Returns:
        A row a severity.

    Raises:
        ValueError: If the degradation breaks a rule, or a file can't be read.
    """
    cleans = [_middle(_read(path), side) for path in pictures] or [_middle(draw_scene(seed), side)]
    degradation.prove(cleans[0])
    rows, errors, seconds = [], [], []
    for index, clean in enumerate(cleans):
        start = time.perf_counter()
        degraded = [
            degradation.degrade(clean, severity, np.random.default_rng([seed, index, column]))
            for column, severity in enumerate(SEVERITIES)
        ]
        seconds.append((time.perf_counter() - start) / len(SEVERITIES) / clean[..., 0].size * 1e6)
        errors.append([float(np.mean((picture - clean) ** 2)) for picture in degraded])
        rows.append([clean, *degraded])
    _draw(rows, side).save(out)
    decibels = np.mean(-10 * np.log10(np.maximum(errors, 1e-6)), axis=0)
    speed = float(np.mean(seconds))
    return [Seen(*row, speed) for row in zip(SEVERITIES, decibels.tolist(), strict=True)]


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        return read_rgb(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} can't be read as a picture: {error}") from error


def _middle(picture: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    top, left = (max(0, (length - side) // 2) for length in picture.shape[:2])
    part = picture[top : top + side, left : left + side]
    return np.ascontiguousarray(part, dtype=np.float32) / np.float32(255)


def _draw(rows: Sequence[Sequence[NDArray[np.float32]]], side: int) -> Image.Image:
    """Set pictures in rows and columns under the columns' names."""
    width = max(row[0].shape[1] for row in rows)
    heights = [row[0].shape[0] for row in rows]
    grid = Image.new("RGB", (width * len(rows[0]), _BAND + sum(heights)), "black")
    names = ("clean", *(f"severity {severity}" for severity in SEVERITIES))
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(12)
    for column, name in enumerate(names):
        draw.text((column * width + 4, 1), name, fill="white", font=font)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            pixels = Image.fromarray(np.rint(picture * 255).astype(np.uint8))
            grid.paste(pixels, (column * width, _BAND + sum(heights[:row])))
    return grid
