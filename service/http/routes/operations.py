"""The endpoints for operators: ``/healthz``, ``/readyz`` and ``/metrics``."""

from fastapi import APIRouter, Request
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response

from service import errors
from service.answers.reports import HealthReport, ReadyReport
from service.http import openapi
from service.http.dependencies import RunningService

router = APIRouter()


@router.get(
    "/healthz",
    summary="Whether the service works",
    response_description="The service works.",
    responses=openapi.problems([errors.UnhealthyError]),
)
async def healthz(service: RunningService) -> HealthReport:
    """Say whether the batcher and the device still work, not only the process."""
    return HealthReport(status="ok", heartbeat_age_seconds=service.state.check_health())


@router.get(
    "/readyz",
    summary="Whether the service accepts pictures",
    response_description="The service accepts pictures.",
    responses=openapi.problems([errors.NotReadyError]),
)
async def readyz(service: RunningService) -> ReadyReport:
    """Say whether pictures are accepted: not before the model is warm, nor during shutdown."""
    info = service.state.check_ready().info
    seconds = service.admission.rate.seconds_for(1e6)
    return ReadyReport(
        status="ready",
        model=info.model_version,
        device=info.device,
        device_name=info.device_name,
        precision=info.precision,
        seconds_per_megapixel=None if seconds is None else round(seconds, 4),
        notice="the model runs on the CPU" if info.device == "cpu" else None,
    )


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses=openapi.answers(
        "Metrics.",
        {
            "text/plain": {"schema": {"type": "string"}},
            "application/openmetrics-text": {"schema": {"type": "string"}},
        },
    ),
)
async def metrics(request: Request, service: RunningService) -> Response:
    """Show the metrics, in the format of OpenMetrics if ``Accept`` names it."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    body = encode(service.metrics.registry)
    return Response(body, headers={"Vary": "Accept"}, media_type=media_type)
