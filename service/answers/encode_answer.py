"""Encodes answers: a restored picture, a degradation map, and the headers of both."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from model.config import colours_of
from model.pictures import Picture, encode, png_bytes, to_eight_bits
from service.answers.answer_format import JSON, NPZ, PNG, RestoreFormat
from service.answers.degradation_map import DegradationMap, heat, label_png, npz, overlay
from service.answers.reports import ClassReport, MapReport, RestoreReport, weights_header
from service.device.engine import Pixels
from service.observability.stage_times import StageTimes
from service.options import MapOptions, RestoreOptions


@dataclass(frozen=True)
class Answer:
    """An encoded answer."""

    body: bytes
    media_type: str
    headers: dict[str, str]


@dataclass(frozen=True)
class PictureFacts:
    """What was found in a picture, and what was removed.

    Attributes:
        model: Name and version of the model.
        degradations: Estimated amount of each degradation.
        removed: Amount that was removed, of each adapter's degradation. Amounts of 0 are left out.
        adapters: Mean weight of each adapter that was used.
        times: Time in each stage.
    """

    model: str
    degradations: Mapping[str, float]
    removed: Mapping[str, float]
    adapters: Mapping[str, float]
    times: StageTimes = field(default_factory=StageTimes)


def encode_restored(
    picture: Picture,
    pixels: Pixels,
    answer_format: RestoreFormat,
    options: RestoreOptions,
    facts: PictureFacts,
    degradation_map: DegradationMap | None,
) -> Answer:
    """Encode a restored picture, or a report that contains it."""
    with facts.times.measure("encode"):
        body, notices = encode(
            picture, pixels, answer_format.encoding, quality=answer_format.quality
        )
    notices = picture.notices + notices
    headers = _headers(facts, notices) | {
        "Restore-Removed": weights_header(facts.removed),
        "Restore-Adapters": weights_header(facts.adapters),
    }
    if not answer_format.as_json:
        return Answer(body, answer_format.encoding.media_type, headers)
    report = RestoreReport(
        width=pixels.shape[1],
        height=pixels.shape[0],
        media_type=answer_format.encoding.media_type,
        model=facts.model,
        degradations=dict(facts.degradations),
        removed=dict(facts.removed),
        adapters=dict(facts.adapters),
        strength=options.strength,
        seconds=facts.times.rounded(),
        notices=list(notices),
        image=base64.b64encode(body).decode(),
        map=None if degradation_map is None else _map_report(degradation_map, facts, notices),
    )
    return Answer(report.model_dump_json(exclude_none=True).encode(), JSON, headers)


def encode_map(
    picture: Picture,
    degradation_map: DegradationMap,
    media_type: str,
    options: MapOptions,
    facts: PictureFacts,
) -> Answer:
    """Encode a degradation map: a picture, NumPy arrays, or a report."""
    with facts.times.measure("encode"):
        if media_type == PNG:
            body = _map_picture(picture, degradation_map, options)
        elif media_type == NPZ:
            body = npz(degradation_map.planes, degradation_map.classes)
        else:
            report = _map_report(degradation_map, facts, picture.notices)
            body = report.model_dump_json().encode()
    return Answer(body, media_type, _headers(facts, picture.notices))


def _map_picture(picture: Picture, degradation_map: DegradationMap, options: MapOptions) -> bytes:
    classes = degradation_map.classes
    if options.view == "overlay":
        clean = classes.index("clean") if "clean" in classes else -1
        return png_bytes(
            overlay(to_eight_bits(picture.rgb), degradation_map.labels, classes, clean=clean)
        )
    if options.view == "heat":
        return png_bytes(heat(degradation_map.planes[0]))
    return label_png(degradation_map.labels, classes)


def _map_report(
    degradation_map: DegradationMap, facts: PictureFacts, notices: tuple[str, ...]
) -> MapReport:
    height, width = degradation_map.labels.shape
    counts = np.bincount(degradation_map.labels.ravel(), minlength=len(degradation_map.classes))
    named = zip(
        degradation_map.classes,
        colours_of(degradation_map.classes),
        counts,
        degradation_map.means,
        strict=True,
    )
    return MapReport(
        width=width,
        height=height,
        model=facts.model,
        degradations=dict(facts.degradations),
        classes=[
            ClassReport(
                name=name,
                colour=colour,
                share=round(float(count) / (height * width), 6),
                mean_probability=round(float(mean), 6),
            )
            for name, colour, count, mean in named
        ],
        labels=base64.b64encode(
            label_png(degradation_map.labels, degradation_map.classes)
        ).decode(),
        seconds=facts.times.rounded(),
        notices=list(notices),
    )


def _headers(facts: PictureFacts, notices: tuple[str, ...]) -> dict[str, str]:
    headers = {
        "Restore-Degradations": weights_header(facts.degradations),
        "Restore-Model": facts.model,
        "Server-Timing": facts.times.header,
        "Vary": "Accept",
    }
    if notices:
        headers["Restore-Notice"] = "; ".join(notices)
    return headers
