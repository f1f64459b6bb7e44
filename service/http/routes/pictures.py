"""The endpoints that take a picture: ``/restore`` and ``/degradation-map``."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from service import errors
from service.admission.picture_request import Caller
from service.answers.answer_format import BY_MEDIA_TYPE, JSON, NPZ, PNG
from service.answers.encode_answer import Answer
from service.answers.reports import MapReport, RestoreReport
from service.http import openapi
from service.http.api_keys import key_digest
from service.http.dependencies import RunningService, Service
from service.http.disconnects import unless_gone
from service.http.durations import seconds_of
from service.http.sending import HeldResponse
from service.http.uploads import receive
from service.options import MapOptions, Options, RestoreOptions, parse_options

router = APIRouter()

PROBLEMS = (
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
        PROBLEMS,
    ),
)
async def restore(request: Request, service: RunningService) -> Response:
    """Find out what is wrong with a picture, and remove it."""
    return await _answer(request, service, RestoreOptions, service.state.pipeline().restore)


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
        PROBLEMS,
    ),
)
async def degradation_map(request: Request, service: RunningService) -> Response:
    """Say which degradation is at each pixel, and how much of it there is in all."""
    return await _answer(request, service, MapOptions, service.state.pipeline().degradation_map)


async def _answer(
    request: Request,
    service: Service,
    options_model: type[Options],
    work: Callable[[bytes, Options, Caller], Coroutine[Any, Any, Answer]],
) -> Response:
    """Receive a picture, do ``work`` on it unless the caller hangs up, and answer.

    The body is read here and not as FastAPI's ``UploadFile``: that writes bodies above 1 MB to
    disk, takes no raw body, and reads a body whole before its size, key and time are checked.
    """
    seconds = _seconds_allowed(request, service.settings.deadline_seconds)
    caller = Caller(
        accept=request.headers.get("accept", ""),
        key=key_digest(request.scope),
        deadline=time.monotonic() + seconds,
    )
    admission = service.admission
    with contextlib.ExitStack() as until_answered:
        until_answered.enter_context(service.state.request())
        until_answered.enter_context(admission.request(caller))
        try:
            async with (
                asyncio.timeout(seconds),
                receive(
                    request,
                    held=admission.bytes,
                    max_bytes=service.settings.max_body_bytes,
                    clock=service.upload_clock,
                ) as upload,
            ):
                options = parse_options(options_model, upload.options)
                answer = await unless_gone(request, work(upload.take(), options, caller))
        except TimeoutError:
            raise errors.DeadlineExceededError(
                f"the picture was not finished within the {seconds:g} seconds allowed"
            ) from None
        until_answered.enter_context(admission.bytes.holding(len(answer.body)))
        return HeldResponse(
            answer.body,
            headers=answer.headers,
            media_type=answer.media_type,
            release=until_answered.pop_all().close,
        )


def _seconds_allowed(request: Request, longest: float) -> float:
    """Return the seconds that a request may take: those of its header, at most ``longest``."""
    given = request.headers.get(openapi.TIMEOUT_HEADER)
    if given is None:
        return longest
    seconds = seconds_of(given)
    if seconds is None:
        raise errors.BadRequestError(
            f"{openapi.TIMEOUT_HEADER} must be a number of seconds above 0, got {given!r}",
            code="invalid_header",
            hint="Leave it out, or send the number of seconds that you are willing to wait: "
            "5, 2.5, 5s, 500ms or 2m.",
        )
    return min(seconds, longest)
