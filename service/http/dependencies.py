"""The parts of the running service that endpoints use, and how an endpoint gets them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.types import Scope

from service.admission.admission import Admission
from service.admission.upload_clock import UploadClock
from service.decoding.codec_threads import CodecThreads
from service.observability.metrics import ServiceMetrics
from service.reload import ModelLoader
from service.settings import Settings
from service.state import ServiceState


@dataclass(frozen=True)
class Service:
    """One running service. ``create_app`` makes it when the application starts.

    Attributes:
        settings: What the operator set.
        metrics: All metrics.
        admission: Accepts or refuses pictures.
        upload_clock: Bounds how long request bodies take.
        codecs: Threads that decode and encode.
        state: Whether pictures are accepted, and what works on them.
        loader: Reloads the adapters.
    """

    settings: Settings
    metrics: ServiceMetrics
    admission: Admission
    upload_clock: UploadClock
    codecs: CodecThreads
    state: ServiceState
    loader: ModelLoader

    def abandon(self) -> None:
        """Answer every request in progress with an error: the service was stopped."""
        self.codecs.abandon()
        if self.state.batcher is not None:
            self.state.batcher.abandon()


def service_of(scope: Scope) -> Service:
    """Return the service that answers the request of ``scope``."""
    service: Service = scope["app"].state.service
    return service


async def _running_service(request: Request) -> Service:  # FastAPI runs others in threads
    return service_of(request.scope)


RunningService = Annotated[Service, Depends(_running_service)]
"""Annotation of an endpoint's parameter that gets the service."""
