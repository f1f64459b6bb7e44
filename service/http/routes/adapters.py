"""The endpoints for adapters: ``/adapters`` lists them, ``/adapters/reload`` reloads them."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from service import errors
from service.answers.answer_format import JSON
from service.answers.reports import AdaptersReport
from service.device.engine import Engine
from service.http import openapi
from service.http.conditional_requests import answer_once, etag_of
from service.http.dependencies import RunningService

router = APIRouter()


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
async def adapters(request: Request, service: RunningService) -> Response:
    """List the base model and every loaded adapter."""
    body = _report(service.state.loaded_engine())
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
async def reload_adapters(service: RunningService) -> Response:
    """Reload the adapters from the model folder, like SIGHUP. Needs an admin key."""
    body = _report(await service.loader.reload())
    return Response(body, headers={"ETag": etag_of(body)}, media_type=JSON)


def _report(engine: Engine) -> bytes:
    """Return the JSON body. FastAPI cannot make it, because the ETag is a digest of its bytes."""
    report = AdaptersReport.model_validate(
        {"model": engine.info.model, "adapters": engine.adapters}, from_attributes=True
    )
    return report.model_dump_json().encode()
