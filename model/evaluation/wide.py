"""A wide validation: pairs made of pictures that are held out of a training folder.

Whole runs of neighbouring names are held out, because neighbours often show the same scene. What is
made of a picture depends only on the seed and on the picture's place, so that two people who hold
the same pictures out measure the same pairs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.config import Degradation
from model.degradations import Picture, degrade, to_bytes
from model.degradations.camera import camera_noise, store_as_camera
from model.degradations.noise import add_white
from model.evaluation.making import draw_severity
from model.pictures.folders import (
    DepthPair,
    Pair,
    depth_pairs,
    pictures_in,
    read_depth,
    read_rgb,
    task_pairs,
)

HELD_OUT = "held-out.txt"
"""File in the validation's folder that lists the pictures which must not be trained on."""

_SIDE = 320
"""Pixels: larger pictures are cropped to their middle, so that a validation takes minutes."""
_WHITE_SIGMA = 25 / 255
_CAMERA_SIGMAS = (3 / 255, 12 / 255)
_JPEG_SEVERITY = 80 / 90  # quality 20

_Item = TypeVar("_Item")
_Made = tuple[str, Picture, Picture]  # a name, the degraded picture and the clean one
Make = Callable[[Picture, np.random.Generator], Picture]
"""Degrades a clean picture, (H, W, 3) in [0, 1]."""


@dataclass(frozen=True)
class WideValidation:
    """What was made.

    Attributes:
        tasks: Number of pairs of each task.
        held_out: Pictures of the training folder that must not be trained on.
    """

    tasks: dict[str, int]
    held_out: tuple[Path, ...]


def make_wide_validation(
    data: Path, out: Path, *, every: int = 9, run: int = 12, count: int = 32, seed: int = 0
) -> WideValidation:
    """Hold pictures out of a training folder and write pairs of them.

    Args:
        data: A training folder, as docs/training.md describes: ``clean``, ``depth``, ``pairs``.
        out: Folder to write: ``TASK/degraded``, ``TASK/clean`` and ``HELD_OUT``. A task's name
            starts with the degradation that is to be removed.
        every: Of this many runs of neighbouring names, one is held out.
        run: Pictures in a run.
        count: Most pairs of a task.
        seed: Of all severities, noise, streaks and so on.

    Raises:
        ValueError: If ``data/clean`` holds too few pictures to hold one run out.
    """
    clean = held_out(pictures_in(data / "clean"), every=every, run=run)
    if not clean:
        raise ValueError(
            f"{data / 'clean'} holds fewer than {run * every // 2} pictures: too few to hold a run "
            f"of {run} out of {every}; give a smaller --run or --every"
        )
    rooms = held_out(depth_pairs(data / "depth"), every=every, run=run)
    held = [*clean, *(path for room in rooms for path in (room.picture, room.depth))]
    tasks = {
        task: _write(out / task, _degraded(spread(clean, count), make, seed))
        for task, make in _MADE.items()
    }
    if rooms:
        tasks["haze_depth"] = _write(out / "haze_depth", _hazy(spread(rooms, count), seed))
    for folder in sorted((data / "pairs").glob("*")):
        pairs = held_out(task_pairs(folder), every=every, run=run)
        held += [path for pair in pairs for path in (pair.degraded, pair.clean)]
        if pairs:
            task = f"{folder.name}_real"
            tasks[task] = _write(out / task, _real(spread(pairs, count)))
    lines = sorted(str(path.relative_to(data)) for path in held)
    (out / HELD_OUT).write_text("\n".join(lines) + "\n")
    return WideValidation(tasks, tuple(held))


def read_held_out(listing: Path, data: Path) -> frozenset[Path]:
    """Read which pictures of ``data`` a validation holds out.

    Raises:
        ValueError: If the file names a picture that ``data`` does not have.
    """
    paths = frozenset(data / line for line in listing.read_text().splitlines() if line)
    if missing := sorted(path for path in paths if not path.is_file()):
        raise ValueError(
            f"{listing} names {len(missing)} pictures that {data} does not have, such as "
            f"{missing[0].relative_to(data)}: it was made of another training folder"
        )
    return paths


def held_out(items: Sequence[_Item], *, every: int, run: int) -> list[_Item]:
    """Take one of ``every`` runs of ``run`` neighbours, the middle one of each ``every``."""
    return [item for place, item in enumerate(items) if place // run % every == every // 2]


def spread(items: Sequence[_Item], count: int) -> list[_Item]:
    """Take at most ``count`` items, evenly spread over all of them."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[place] for place in places]


def _degraded(paths: Sequence[Path], make: Make, seed: int) -> Iterator[_Made]:
    for place, path in enumerate(paths):
        clean = _middle(read_rgb(path))
        yield _name(place, path), make(clean, np.random.default_rng([seed, place])), clean


def _hazy(rooms: Sequence[DepthPair], seed: int) -> Iterator[_Made]:
    for place, room in enumerate(rooms):
        clean, depth = _middle(read_rgb(room.picture)), _middle(read_depth(room.depth))
        rng = np.random.default_rng([seed, place])
        hazy = degrade(clean, Degradation.HAZE, draw_severity(rng), rng, depth=depth)
        yield _name(place, room.picture), hazy, clean


def _real(pairs: Sequence[Pair]) -> Iterator[_Made]:
    for place, pair in enumerate(pairs):
        name = _name(place, pair.clean)
        yield name, _middle(read_rgb(pair.degraded)), _middle(read_rgb(pair.clean))


def _name(place: int, path: Path) -> str:
    return f"{place:03d}-{path.stem}"


def _middle(values: NDArray[Any]) -> NDArray[np.float32]:
    """Crop (H, W[, 3]) to its middle, at most ``_SIDE`` a side; bytes become [0, 1]."""
    top, left = (max(0, (side - _SIDE) // 2) for side in values.shape[:2])
    middle = values[top : top + _SIDE, left : left + _SIDE]
    full = 255 if values.dtype == np.uint8 else 1
    return np.ascontiguousarray(middle, dtype=np.float32) / np.float32(full)


def _write(task: Path, made: Iterable[_Made]) -> int:
    """Write pairs as PNG files; return how many."""
    count = 0
    for name, *pictures in made:
        for side, picture in zip(("degraded", "clean"), pictures, strict=True):
            (task / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(to_bytes(picture)).save(task / side / f"{name}.png")
        count += 1
    return count


def _white(clean: Picture, rng: np.random.Generator) -> Picture:
    return add_white(clean, _WHITE_SIGMA, rng)


def _camera(clean: Picture, rng: np.random.Generator) -> Picture:
    noisy = clean + camera_noise(clean, rng.uniform(*_CAMERA_SIGMAS), rng)
    return store_as_camera(noisy, rng)


def _drawn(kind: str) -> Make:
    return lambda clean, rng: degrade(clean, kind, draw_severity(rng), rng)


_MADE: dict[str, Make] = {
    "noise_white": _white,
    "noise_camera": _camera,
    "blur_made": _drawn(Degradation.BLUR),
    "rain_made": _drawn(Degradation.RAIN),
    "lowlight_made": _drawn(Degradation.LOWLIGHT),
    "jpeg_made": lambda clean, rng: degrade(clean, "jpeg", _JPEG_SEVERITY, rng),
    "clean_made": lambda clean, rng: clean,
}
"""How each task is made of clean pictures."""
