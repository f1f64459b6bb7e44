"""The endpoints; what they do is elsewhere."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from service import errors
from service.admission.admission import Caller
from service.answers.encode_answer import NPZ, PNG, Result
from service.answers.negotiation import JSON
from service.answers.reports import (
    AdapterReport,
    AdaptersReport,
    HealthReport,
    MapOptions,
    MapReport,
    ModelReport,
    Options,
    ReadyReport,
    RestoreOptions,
    RestoreReport,
    parse_options,
)
from service.decoding.decode_errors import BY_MEDIA_TYPE
from service.device.engine import Engine
from service.errors import DeadlineExceededError, NotReadyError
from service.http import openapi
from service.http.conditional_requests import answer_once, etag_of
from service.http.middleware import owner
from service.http.uploads import receive, unless_gone
from service.state import Lifecycle

router = APIRouter()

PICTURE_PROBLEMS = (
    errors.BadRequestError,
    errors.NotAcceptableError,
    errors.UploadStalledError,
    errors.BodyTooLargeError,
    errors.UnsupportedMediaError,
    errors.InvalidOptionsError,
    errors.KeyLimitError,
    errors.EngineFailedError,
    errors.FullError,
    errors.DeadlineExceededError,
    errors.OutOfMemoryError,
)


def lifecycle_of(request: Request) -> Lifecycle:
    """Return the running service."""
    lifecycle: Lifecycle = request.app.state.lifecycle
    return lifecycle


async def _serve(
    request: Request,
    options_model: type[Options],
    work: Callable[[bytes, Options, Caller], Coroutine[Any, Any, Result]],
) -> Response:
    """Receive a picture, do ``work`` on it unless the caller goes away, and answer."""
    lifecycle = lifecycle_of(request)
    settings, admission = lifecycle.settings, lifecycle.admission
    seconds = _patience(request, settings.deadline_seconds)
    caller = Caller(
        accept=request.headers.get("accept", ""),
        key=owner(request.scope),
        deadline=time.monotonic() + seconds,
    )
    try:
        with lifecycle.request(), admission.request(caller):
            async with (
                asyncio.timeout(seconds),
                receive(
                    request,
                    held=admission.bytes,
                    max_bytes=settings.max_body_bytes,
                    clock=lifecycle.upload_clock,
                ) as upload,
            ):
                options = parse_options(options_model, upload.options)
                result = await unless_gone(request, work(upload.take(), options, caller))
    except TimeoutError:
        raise DeadlineExceededError(
            f"the picture was not finished within the {seconds:g} seconds allowed"
        ) from None
    return Response(result.body, headers=result.headers, media_type=result.media_type)


def _patience(request: Request, longest: float) -> float:
    """Return the seconds that a request may take: its own wish, if it is shorter than ours."""
    wish = request.headers.get(openapi.PATIENCE)
    if wish is None:
        return longest
    try:
        seconds = float(wish)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise errors.BadRequestError(
            f"{openapi.PATIENCE} must be a number of seconds above 0, got {wish!r}",
            code="invalid_header",
            hint="Leave it out, or send the number of seconds that you are willing to wait.",
        )
    return min(seconds, longest)


@router.post(
    "/restore",
    summary="Restore a picture",
    response_class=Response,
    openapi_extra=openapi.picture_request(RestoreOptions),
    responses=openapi.answers(
        "The restored picture; with Accept: application/json a report that contains it.",
        {
            **dict.fromkeys(BY_MEDIA_TYPE, openapi.BINARY),
            JSON: openapi.reference(RestoreReport),
        },
        PICTURE_PROBLEMS,
    ),
)
async def restore(request: Request) -> Response:
    """Find out what is wrong with a picture, and remove it."""
    return await _serve(request, RestoreOptions, lifecycle_of(request).pipeline().restore)


@router.post(
    "/degradation-map",
    summary="Map a picture's degradations",
    response_class=Response,
    openapi_extra=openapi.picture_request(MapOptions),
    responses=openapi.answers(
        "Which degradation is at each pixel: a report, a picture, or NumPy arrays.",
        {
            JSON: openapi.reference(MapReport),
            PNG: openapi.BINARY,
            NPZ: openapi.BINARY,
        },
        PICTURE_PROBLEMS,
    ),
)
async def degradation_map(request: Request) -> Response:
    """Say which degradation is at each pixel, and how much of it there is in all."""
    return await _serve(request, MapOptions, lifecycle_of(request).pipeline().degradation_map)


@router.get(
    "/adapters",
    summary="List the adapters",
    response_class=Response,
    responses=openapi.answers(
        "The base model and every loaded adapter.",
        {JSON: openapi.reference(AdaptersReport)},
        [errors.NotReadyError],
    )
    | {304: {"description": "Not changed since the ETag in If-None-Match."}},
)
async def adapters(request: Request) -> Response:
    """List the base model and every loaded adapter."""
    engine = lifecycle_of(request).engine
    if engine is None:
        raise NotReadyError("the model is being loaded", retry_after=5.0)
    body = _adapters_of(engine)
    return answer_once(request, body, etag=etag_of(body), media_type=JSON)


@router.post(
    "/adapters/reload",
    summary="Reload the adapters",
    response_class=Response,
    responses=openapi.answers(
        "The base model and every adapter that is loaded now.",
        {JSON: openapi.reference(AdaptersReport)},
        [errors.ReloadFailedError, errors.NotReadyError],
    ),
)
async def reload_adapters(request: Request) -> Response:
    """Reload the adapters from the model folder, like SIGHUP. Needs an admin key."""
    body = _adapters_of(await lifecycle_of(request).reload())
    return Response(body, headers={"ETag": etag_of(body)}, media_type=JSON)


def _adapters_of(engine: Engine) -> bytes:
    info = engine.info
    report = AdaptersReport(
        model=ModelReport(
            name=info.model, sha256=info.sha256, parameters=info.parameters, licence=info.licence
        ),
        adapters=[AdapterReport(**asdict(adapter)) for adapter in engine.adapters],
    )
    return report.model_dump_json().encode()


@router.get(
    "/healthz",
    summary="Whether the service works",
    response_class=Response,
    responses=openapi.answers(
        "The service works.", {JSON: openapi.reference(HealthReport)}, [errors.UnhealthyError]
    ),
)
async def healthz(request: Request) -> Response:
    """Say whether the batcher and the device still work, not only the process."""
    age = lifecycle_of(request).check_health()
    report = HealthReport(status="ok", heartbeat_age_seconds=age)
    return Response(report.model_dump_json(), media_type=JSON)


@router.get(
    "/readyz",
    summary="Whether the service accepts pictures",
    response_class=Response,
    responses=openapi.answers(
        "The service accepts pictures.",
        {JSON: openapi.reference(ReadyReport)},
        [errors.NotReadyError],
    ),
)
async def readyz(request: Request) -> Response:
    """Say whether pictures are accepted: not before the model is warm, nor during shutdown."""
    lifecycle = lifecycle_of(request)
    lifecycle.check_ready()
    if lifecycle.engine is None:
        raise NotReadyError("the model is being loaded")
    info = lifecycle.engine.info
    report = ReadyReport(
        status="ready",
        model=f"{info.model}@{info.sha256[:12]}",
        device=info.device,
        device_name=info.device_name,
        precision=info.precision,
        notice="the model runs on the CPU" if info.device == "cpu" else None,
    )
    return Response(report.model_dump_json(), media_type=JSON)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses=openapi.answers("Metrics.", {"text/plain": {"schema": {"type": "string"}}}),
)
async def metrics(request: Request) -> Response:
    """Show the metrics."""
    body = generate_latest(lifecycle_of(request).registry)
    return Response(body, media_type=CONTENT_TYPE_LATEST)
