"""What goes out: which form the caller wants, and the answer in that form."""

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.config import colours_of
from model.pictures import (
    Encoding,
    Header,
    Picture,
    default_quality,
    encode,
    natural_encoding,
    png_bytes,
    to_eight_bits,
)
from service.answers.map_images import heat, label_png, npz, overlay
from service.answers.negotiation import JSON, choose
from service.answers.reports import (
    ClassReport,
    MapOptions,
    MapReport,
    RestoreOptions,
    RestoreReport,
    weights_header,
)
from service.decoding.decode_errors import BY_MEDIA_TYPE, OFFERED
from service.device.engine import Pixels
from service.errors import InvalidOptionsError, NotAcceptableError

PNG = "image/png"
NPZ = "application/x-npz"


class Stages:
    """Seconds a picture spent in each stage; in ``queue`` it waited, for threads or the device.

    Args:
        deadline: ``time.monotonic()`` after which nothing more is begun; None: there is none.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.deadline = deadline
        self.began = time.monotonic()
        """When the picture came; decides whose turn it is."""
        self.seconds = {"decode": 0.0, "queue": 0.0}

    def add(self, stage: str, seconds: float) -> None:
        """Add to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time that a block takes to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - began)

    @property
    def header(self) -> str:
        """The stages as ``Server-Timing``, in milliseconds."""
        return ", ".join(f"{name};dur={value * 1000:.1f}" for name, value in self.seconds.items())

    def rounded(self) -> dict[str, float]:
        """Return the seconds to a tenth of a millisecond."""
        return {name: round(value, 4) for name, value in self.seconds.items()}


@dataclass(frozen=True)
class Result:
    """An answer, encoded."""

    body: bytes
    media_type: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Segmentation:
    """The degradation map of a whole picture.

    Attributes:
        classes: Names of the classes.
        labels: Most probable class of each pixel, shape (H, W), uint8.
        means: Mean probability of each class, shape (C,).
        planes: Probabilities of the classes asked for, shape (P, H, W), float16.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.uint8]
    means: NDArray[np.float64]
    planes: NDArray[np.float16]


@dataclass(frozen=True)
class Facts:
    """What was seen in a picture and done to it."""

    model: str
    degradations: Mapping[str, float]
    adapters: Mapping[str, float]
    stages: Stages = field(default_factory=Stages)


@dataclass(frozen=True)
class RestoreForm:
    """The form of an answer to ``/restore``, with the quality of a lossy one."""

    encoding: Encoding
    quality: int
    as_json: bool


def restore_form(options: RestoreOptions, accept: str, header: Header) -> RestoreForm:
    """Settle the form before any work is done.

    Raises:
        NotAcceptableError: If the caller accepts nothing we can make.
        InvalidOptionsError: If the format is unknown here or cannot hold the picture.
    """
    if options.format == "auto":
        natural = natural_encoding(header)
        offered = list(BY_MEDIA_TYPE)
        media_type = choose(accept, [*offered, JSON], default=natural.media_type)
        encoding = BY_MEDIA_TYPE.get(media_type, natural)
        if max(header.width, header.height) > encoding.max_side:
            encoding = OFFERED["png"]
        return RestoreForm(
            encoding, _quality(options, header, encoding), as_json=media_type == JSON
        )
    if options.format not in OFFERED:
        raise InvalidOptionsError(f"{options.format} cannot be written by this service")
    encoding = OFFERED[options.format]
    _check_size(encoding, header.width, header.height)
    try:
        media_type = choose(accept, [encoding.media_type, JSON], default=encoding.media_type)
    except NotAcceptableError:  # the option outranks the header
        media_type = encoding.media_type
    return RestoreForm(encoding, _quality(options, header, encoding), as_json=media_type == JSON)


def _quality(options: RestoreOptions, header: Header, encoding: Encoding) -> int:
    given = "quality" in options.model_fields_set
    return options.quality if given else default_quality(header, encoding)


def _check_size(encoding: Encoding, width: int, height: int) -> None:
    """Refuse a picture that ``encoding`` cannot hold."""
    if max(width, height) > encoding.max_side:
        raise InvalidOptionsError(
            f"{encoding.name} holds at most {encoding.max_side} pixels a side, "
            f"the picture is {width}x{height}",
            hint="Ask for format=png.",
        )


def map_form(options: MapOptions, accept: str, classes: tuple[str, ...]) -> str:
    """Settle the media type of an answer to ``/degradation-map``.

    Raises:
        NotAcceptableError: If the caller accepts nothing we can make.
        InvalidOptionsError: If ``class`` is missing, unknown, or given for another view.
    """
    if (options.view == "heat") != (options.class_name is not None):
        raise InvalidOptionsError("class is only for view=heat, and view=heat requires class")
    if options.class_name is not None and options.class_name not in classes:
        raise InvalidOptionsError(
            f"there is no class {options.class_name!r}", hint=f"Classes are: {', '.join(classes)}."
        )
    if options.view != "auto":
        return PNG
    return choose(accept, [JSON, PNG, NPZ], default=JSON)


def restored_answer(
    picture: Picture,
    pixels: Pixels,
    form: RestoreForm,
    options: RestoreOptions,
    facts: Facts,
    segmentation: Segmentation | None,
) -> Result:
    """Encode a restored picture and tell what was done."""
    with facts.stages.measure("encode"):
        body, notices = encode(picture, pixels, form.encoding, quality=form.quality)
    notices = picture.notices + notices
    headers = _headers(facts, notices)
    if not form.as_json:
        return Result(body, form.encoding.media_type, headers)
    report = RestoreReport(
        width=pixels.shape[1],
        height=pixels.shape[0],
        media_type=form.encoding.media_type,
        model=facts.model,
        degradations=dict(facts.degradations),
        adapters=dict(facts.adapters),
        strength=options.strength,
        seconds=facts.stages.rounded(),
        notices=list(notices),
        image=base64.b64encode(body).decode(),
        map=None if segmentation is None else _map_report(segmentation, facts, notices),
    )
    return Result(report.model_dump_json(exclude_none=True).encode(), JSON, headers)


def map_answer(
    picture: Picture,
    segmentation: Segmentation,
    media_type: str,
    options: MapOptions,
    facts: Facts,
) -> Result:
    """Draw or pack a degradation map."""
    with facts.stages.measure("encode"):
        if media_type == PNG:
            body = _map_picture(picture, segmentation, options)
        elif media_type == NPZ:
            body = npz(segmentation.planes, segmentation.classes)
        else:
            report = _map_report(segmentation, facts, picture.notices)
            body = report.model_dump_json().encode()
    return Result(body, media_type, _headers(facts, picture.notices))


def _map_picture(picture: Picture, segmentation: Segmentation, options: MapOptions) -> bytes:
    classes = segmentation.classes
    if options.view == "overlay":
        clean = classes.index("clean") if "clean" in classes else -1
        return png_bytes(
            overlay(to_eight_bits(picture.rgb), segmentation.labels, classes, clean=clean)
        )
    if options.view == "heat":
        return png_bytes(heat(segmentation.planes[0]))
    return label_png(segmentation.labels, classes)


def _map_report(segmentation: Segmentation, facts: Facts, notices: tuple[str, ...]) -> MapReport:
    height, width = segmentation.labels.shape
    counts = np.bincount(segmentation.labels.ravel(), minlength=len(segmentation.classes))
    named = zip(
        segmentation.classes,
        colours_of(segmentation.classes),
        counts,
        segmentation.means,
        strict=True,
    )
    return MapReport(
        width=width,
        height=height,
        model=facts.model,
        classes=[
            ClassReport(
                name=name,
                colour=colour,
                share=round(float(count) / (height * width), 6),
                mean_probability=round(float(mean), 6),
            )
            for name, colour, count, mean in named
        ],
        labels=base64.b64encode(label_png(segmentation.labels, segmentation.classes)).decode(),
        seconds=facts.stages.rounded(),
        notices=list(notices),
    )


def _headers(facts: Facts, notices: tuple[str, ...]) -> dict[str, str]:
    headers = {
        "Restore-Degradations": weights_header(facts.degradations),
        "Restore-Adapters": weights_header(facts.adapters),
        "Restore-Model": facts.model,
        "Server-Timing": facts.stages.header,
        "Vary": "Accept",
    }
    if notices:
        headers["Restore-Notice"] = "; ".join(notices)
    return headers
