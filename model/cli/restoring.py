"""What ``abair restore`` does to a file: pixels restored, all that isn't pixels kept."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.atomic_files import replacing
from model.config import palette_of
from model.model_info import by_degradation
from model.pictures import (
    ENCODINGS,
    READ_ONLY,
    Metadata,
    Picture,
    Pixels,
    decode,
    default_quality,
    encode,
    encoding_of,
    read_header,
)
from model.pictures.folders import pictures_in, unread_in
from model.pictures.palette import palette_png
from model.restoring.restorer import Restorer
from model.restoring.whole_pictures import RestoreOptions


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """How to restore; the options of the command.

    Attributes:
        adapters: ``auto``, ``top``, ``none``, or the amount to remove of each degradation by name.
        keep: Names of degradations that stay in the picture.
        strength: Blend of output and input, 0 (input) to 1.
        quality: Of lossy formats, 1 to 100, where 100 makes WebP lossless; None: 92, and a
            lossless WebP stays lossless.
        metadata: What becomes of EXIF, XMP and ICC profile.
        blend: ``image`` or ``pixel``, as of ``Restorer.restore``.
        tile: Pictures above ``tile * tile`` pixels are cut into tiles.
        format: Name of the format to write; None: what OUT names, else the input's.
        write_map: Whether to write the degradation map beside the picture.
        report: File that gets a line of JSON a picture, or None.
        overwrite: Whether to restore what exists already.
    """

    adapters: str | Mapping[str, float] = "auto"
    keep: tuple[str, ...] = ()
    strength: float = 1.0
    quality: int | None = None
    metadata: Metadata = "keep"
    blend: str = "image"
    tile: int = 1024
    format: str | None = None
    write_map: bool = False
    report: Path | None = None
    overwrite: bool = False

    @property
    def removal(self) -> RestoreOptions:
        """What is to be removed, as ``Restorer.restore`` takes it."""
        return RestoreOptions(
            adapters=self.adapters,
            keep=self.keep,
            strength=self.strength,
            blend=self.blend,
            tile=self.tile,
        )


@dataclass(frozen=True)
class FileJob:
    """One picture to restore."""

    source: Path
    target: Path

    @property
    def map_path(self) -> Path:
        """Where the degradation map goes."""
        return self.target.with_name(self.target.name + ".map.png")


def pending_jobs(source: Path, target: Path, options: FileOptions) -> list[FileJob]:
    """List what is to be done: jobs of ``find_jobs`` whose answers aren't there yet, or all."""
    jobs = find_jobs(source, target, options.format)
    return [job for job in jobs if options.overwrite or not _is_done(job, options)]


def find_jobs(source: Path, target: Path, name: str | None = None) -> list[FileJob]:
    """List all pictures of ``source``, and where they go.

    Args:
        source: A picture, or a folder searched to the bottom.
        target: A picture (for a picture), or a folder, which gets the tree of ``source``.
        name: Name of the format to write; None: what ``target`` names, else the input's.

    Raises:
        ValueError: If ``source`` doesn't exist, an answer would replace its picture or another
            answer, or ``target`` names a format that isn't written, or another one than ``name``.
    """
    if not source.exists():
        raise ValueError(f"{source} does not exist")
    if source.is_dir():
        inside = target.resolve()
        paths = [path for path in pictures_in(source) if inside not in path.resolve().parents]
        jobs = [FileJob(path, _writable(target / path.relative_to(source), name)) for path in paths]
    elif target.is_dir() or not target.suffix:
        jobs = [FileJob(source, _writable(target / source.name, name))]
    else:
        if (named := encoding_of(target).name) != (name or named):
            raise ValueError(f"OUT names {named}, but --format names {name}: give one of the two")
        jobs = [FileJob(source, target)]
    _check_different(jobs)
    if target.resolve() == source.resolve() or any(job.target == job.source for job in jobs):
        raise ValueError(f"OUT must differ from IN, or {source} would be overwritten")
    return jobs


def unread_of(source: Path, target: Path) -> list[Path]:
    """List the pictures of a folder that are left out because their kind is not read."""
    inside = target.resolve()
    found = unread_in(source) if source.is_dir() else []
    return [path for path in found if inside not in path.resolve().parents]


def _check_different(jobs: Iterable[FileJob]) -> None:
    """Refuse two pictures whose answers would have one name, as a.png and a.jpg as WebP."""
    sources: dict[Path, Path] = {}
    for job in jobs:
        if (other := sources.setdefault(job.target, job.source)) != job.source:
            raise ValueError(
                f"{other} and {job.source} would both become {job.target}: rename one, or leave "
                f"out --format"
            )


def _writable(path: Path, name: str | None) -> Path:
    """Return ``path`` in a format that is written: ``name``, else its own where it is written."""
    if name is not None:
        suffixes = ENCODINGS[name].suffixes
        return path if path.suffix.lower() in suffixes else path.with_suffix(suffixes[0])
    return path.with_name(path.name + ".jpg") if path.suffix.lower() in READ_ONLY else path


def _is_done(job: FileJob, options: FileOptions) -> bool:
    return job.target.exists() and (not options.write_map or job.map_path.exists())


def restore_file(restorer: Restorer, job: FileJob, options: FileOptions) -> dict[str, Any]:
    """Restore one file.

    Returns:
        Its line of the report but for the files' names: size, seconds, notices, what the estimator
        says of the adapters.
    """
    start = time.perf_counter()
    encoding = encoding_of(job.target)
    data = job.source.read_bytes()
    picture = decode(data, metadata=options.metadata, beyond=encoding.name == "tiff")
    quality = options.quality or default_quality(read_header(data), encoding)
    height, width = picture.rgb.shape[:2]
    report: dict[str, Any] = {"width": width, "height": height}
    if options.report is not None:
        amounts = [*restorer.describe(picture.rgb).values()]
        report["degradations"] = by_degradation(restorer.adapters, amounts)
    job.target.parent.mkdir(parents=True, exist_ok=True)
    if options.write_map:
        report["map"] = _write_map(restorer, picture.rgb, job.map_path, options.tile)
    restored = _restore(restorer, picture, options)
    data, notices = encode(picture, restored, encoding, quality=quality)
    _write(job.target, data)
    report["notices"] = [*picture.notices, *notices]
    return report | {"seconds": round(time.perf_counter() - start, 3)}


def _restore(restorer: Restorer, picture: Picture, options: FileOptions) -> Pixels:
    """Restore the pixels of a file."""
    if options.strength == 0:
        return picture.rgb
    restored: Pixels = restorer.restore(picture.rgb, **vars(options.removal))
    return restored


def _write_map(restorer: Restorer, picture: Pixels, path: Path, tile: int) -> dict[str, float]:
    """Write the class of each pixel as a palette picture; return the share of each class."""
    labels = restorer.degradation_map(picture, tile=tile)
    classes = restorer.config.classes
    _write(path, palette_png(labels, palette_of(classes)))
    shares = np.bincount(labels.ravel(), minlength=len(classes)) / labels.size
    return {name: round(share, 4) for name, share in zip(classes, shares.tolist(), strict=True)}


def _write(path: Path, data: bytes) -> None:
    """Write a file all at once: an interrupted run leaves no half picture to be skipped."""
    with replacing(path, unique=True) as beside:  # two machines may restore the same picture
        beside.write_bytes(data)
