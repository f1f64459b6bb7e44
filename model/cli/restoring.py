"""What ``abair restore`` does: files to files, with what isn't pixels kept."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageOps
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from model.config import palette_of
from model.evaluation import picture_tensor, pictures_in
from model.restorer import Restorer
from model.views import sample_views

_WITH_ALPHA = frozenset({".png", ".webp", ".tif", ".tiff"})
_GREY_MODES = frozenset({"1", "L", "LA", "I;16", "I;16L", "I;16B", "I;16N"})


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to restore; the options of the command.

    Attributes:
        adapters: ``auto``, ``top``, ``none``, or the weight of each adapter by name.
        strength: Blend of output and input, 0 (input) to 1.
        blend: ``image`` or ``pixel``, as of ``Restorer.restore_picture``.
        quality: Of lossy formats, 1 to 100.
        tile: Pictures above ``tile * tile`` pixels are cut into tiles.
        write_map: Whether to write the degradation map beside the picture.
        report: File that gets a line of JSON a picture, or None.
        overwrite: Whether to restore what exists already.
    """

    adapters: str | Mapping[str, float] = "auto"
    strength: float = 1.0
    blend: str = "image"
    quality: int = 92
    tile: int = 1024
    write_map: bool = False
    report: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Job:
    """One picture to restore."""

    source: Path
    target: Path

    @property
    def map_path(self) -> Path:
        """Where the degradation map goes."""
        return self.target.with_name(self.target.name + ".map.png")


def parse_adapters(text: str) -> str | dict[str, float]:
    """Read ``auto``, ``top``, ``none`` or ``rain:0.8,noise:0.2``.

    Raises:
        ValueError: If a pair isn't NAME:WEIGHT with a weight in [0, 1].
    """
    if ":" not in text:
        if text not in ("auto", "top", "none"):
            raise ValueError(f"adapters are auto, top, none or NAME:WEIGHT,..., got {text!r}")
        return text
    weights = {}
    for pair in text.split(","):
        name, _, number = (part.strip() for part in pair.partition(":"))
        try:
            weight = float(number)
        except ValueError as error:
            raise ValueError(f"adapters are NAME:WEIGHT,..., got {pair!r}") from error
        if not 0 <= weight <= 1 or name in weights:
            raise ValueError(f"an adapter is named once, with a weight in [0, 1], got {pair!r}")
        weights[name] = weight
    return weights


def plan(source: Path, target: Path, options: Options) -> list[Job]:
    """List what is to be done: pictures of ``source`` that ``target`` lacks.

    Args:
        source: A picture, or a folder searched to the bottom.
        target: A picture (for a picture), or a folder, which gets the tree of ``source``.
        options: Whether existing pictures are done again, and with maps.

    Raises:
        ValueError: If ``source`` doesn't exist or the answer would replace it.
    """
    if not source.exists():
        raise ValueError(f"{source} does not exist")
    if source.is_dir():
        inside = target.resolve()
        paths = [path for path in pictures_in(source) if inside not in path.resolve().parents]
        jobs = [Job(path, target / path.relative_to(source)) for path in paths]
    else:
        whole = target / source.name if target.is_dir() or not target.suffix else target
        jobs = [Job(source, whole)]
    if target.resolve() == source.resolve() or any(job.target == job.source for job in jobs):
        raise ValueError(f"OUT must not be IN: {source} would be overwritten")
    return [job for job in jobs if options.overwrite or not _is_done(job, options)]


def _is_done(job: Job, options: Options) -> bool:
    return job.target.exists() and (not options.write_map or job.map_path.exists())


def run(load: Callable[[], Restorer], jobs: list[Job], options: Options) -> int:
    """Restore ``jobs`` with a restorer of ``load``; one bad picture doesn't stop the others.

    Returns:
        Number of pictures that failed; each is told on standard error.
    """
    console = Console(stderr=True)
    if not jobs:
        console.print("nothing to do: every picture is there already")
        return 0
    restorer = load()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    failures = 0
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("restoring", total=len(jobs))
        for job in jobs:
            progress.update(bar, description=job.source.name)
            try:
                report = restore_file(restorer, job, options)
            except Exception as error:  # noqa: BLE001 - a decoder's stumbling is the file's fault
                failures += 1
                console.print(f"{job.source}: {error}", markup=False, soft_wrap=True)
            else:
                _append(options.report, report)
            progress.advance(bar)
    return failures


def restore_file(restorer: Restorer, job: Job, options: Options) -> dict[str, Any]:
    """Restore one file.

    Returns:
        Its line of the report: files, size, seconds, what the estimator says of the adapters.
    """
    start = time.perf_counter()
    with Image.open(job.source) as image:
        upright = ImageOps.exif_transpose(image)
    picture = picture_tensor(upright)
    restored = restorer.restore_picture(
        picture,
        adapters=options.adapters,
        strength=options.strength,
        blend=options.blend,
        tile=options.tile,
    )
    job.target.parent.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {
        "input": str(job.source),
        "output": str(job.target),
        "width": picture.shape[2],
        "height": picture.shape[1],
    }
    if options.report is not None:
        report["estimated"] = _estimate(restorer, picture)
    if options.write_map:
        report["map"] = _write_map(restorer, picture, job.map_path, options.tile)
    _save(_like(upright, restored, job.target.suffix.lower()), upright, job.target, options.quality)
    return report | {"seconds": round(time.perf_counter() - start, 3)}


def _append(path: Path | None, report: Mapping[str, Any]) -> None:
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(report) + "\n")


@torch.inference_mode()
def _estimate(restorer: Restorer, picture: Tensor) -> dict[str, float]:
    """Tell the estimator's weight of each adapter."""
    weights = restorer.describe(sample_views(picture)).weights[0].tolist()
    names = (adapter.name for adapter in restorer.adapters)
    return {name: round(weight, 4) for name, weight in zip(names, weights, strict=True)}


def _write_map(restorer: Restorer, picture: Tensor, path: Path, tile: int) -> dict[str, float]:
    """Write the class of each pixel as a palette picture; return the share of each class."""
    labels = restorer.label_picture(picture, tile=tile)
    classes = restorer.config.classes
    image = Image.fromarray(labels.numpy())
    image.putpalette(palette_of(classes))
    _write(image, path, {})
    shares = torch.bincount(labels.flatten(), minlength=len(classes)) / labels.numel()
    return {name: round(share, 4) for name, share in zip(classes, shares.tolist(), strict=True)}


def _like(original: Image.Image, restored: Tensor, suffix: str) -> Image.Image:
    """Make an image of (3, H, W) uint8: grey if the original is, with its alpha if it has one."""
    image = Image.fromarray(restored.permute(1, 2, 0).numpy())
    if original.mode in _GREY_MODES:
        image = image.convert("L")
    if original.has_transparency_data and suffix in _WITH_ALPHA:
        image.putalpha(original.convert("RGBA").getchannel("A"))
    return image


def _save(image: Image.Image, original: Image.Image, path: Path, quality: int) -> None:
    """Write ``image`` with the EXIF and the colour profile of ``original``."""
    kept: dict[str, Any] = {"quality": quality}
    if path.suffix.lower() in (".jpg", ".jpeg"):
        kept["subsampling"] = 0  # as the service
    if exif := original.getexif().tobytes():
        kept["exif"] = exif
    profile = original.info.get("icc_profile")
    if profile and original.mode != "CMYK":  # a profile of inks doesn't fit RGB
        kept["icc_profile"] = profile
    _write(image, path, kept)


def _write(image: Image.Image, path: Path, options: Mapping[str, Any]) -> None:
    """Write at once or not at all: an interrupted run leaves no half picture to be skipped."""
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"unknown picture format {path.suffix!r}")
    part = path.with_name(f".{path.name}.part")
    image.save(part, format=kind, **options)
    part.replace(path)
