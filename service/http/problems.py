"""Answers to requests that failed: RFC 9457 ``application/problem+json``."""

import json
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from service.errors import ClientGoneError, FieldProblem, InvalidOptionsError, ServiceError
from service.http.dependencies import service_of

PROBLEM_TYPE = "application/problem+json"
MAX_TEXT = 500
"""Most characters of a text in an answer. A text often repeats what the caller sent."""
MAX_PATH = 256
"""Most characters of a path that are logged or answered."""
_ID_KEY = "abair.request_id"


class Problem(BaseModel):
    """RFC 9457 problem details: the body of every answer that is not a success."""

    type: str = Field(description="Stable identifier of the kind of problem.")
    title: str = Field(description="The kind of problem in a few words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened to this request.")
    code: str = Field(description="The kind of problem as one word for programs.")
    request_id: str = Field(description="Also in X-Request-Id and in the service's log.")
    hint: str = Field(description="What to do about it.")
    errors: list[FieldProblem] | None = Field(None, description="One entry per bad option.")


def clipped(text: str) -> str:
    """Return ``text``, or its first ``MAX_TEXT`` characters followed by ``[...]``."""
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " [...]"


def title(status: int) -> str:
    """Return the standard title of an HTTP status."""
    gone = status == ClientGoneError.status
    return "Client Closed Request" if gone else HTTPStatus(status).phrase


def problem_response(error: ServiceError, request_id: str) -> Response:
    """Make the answer for ``error``."""
    problem = Problem(
        type=f"urn:abair:problem:{error.code}",
        title=title(error.status),
        status=error.status,
        detail=clipped(error.detail),
        code=error.code,
        request_id=request_id,
        hint=error.hint,
        errors=[
            FieldProblem(option=clipped(one.option), detail=clipped(one.detail))
            for one in error.errors
        ]
        or None,
    )
    body = json.dumps(problem.model_dump(exclude_none=True)).encode()
    return Response(body, error.status, error.headers, media_type=PROBLEM_TYPE)


def set_request_id(scope: Scope, identity: str) -> None:
    """Store the id of a request in its scope."""
    scope[_ID_KEY] = identity


def answer_problem(scope: Scope, error: ServiceError) -> Response:
    """Make the answer for ``error``, and count it."""
    service_of(scope).metrics.refusals.labels(error.code).inc()
    return problem_response(error, str(scope.get(_ID_KEY, "")))


def shortened(text: str) -> str:
    """Return at most ``MAX_PATH`` characters of a path that a caller sent."""
    return text if len(text) <= MAX_PATH else f"{text[:MAX_PATH]}..."


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error of an endpoint or of the router as problem+json."""
    for kind in (ServiceError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _handle)


async def _handle(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        error = _router_error(request, error)
    elif not isinstance(error, ServiceError):
        error = InvalidOptionsError("the request's parameters cannot be used")
    return answer_problem(request.scope, error)


def _router_error(request: Request, error: HTTPException) -> ServiceError:
    problem = ServiceError(
        f"{request.method} {shortened(request.scope['path'])}: {error.detail}",
        code=title(error.status_code).lower().replace(" ", "_"),
        hint="See /openapi.json for the endpoints and their methods.",
        headers=error.headers,
    )
    problem.status = error.status_code
    return problem
