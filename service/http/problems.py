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
TITLES = {
    "body_too_large": "The file is too large",
    "broken_image": "The picture cannot be read",
    "broken_multipart": "The form cannot be read",
    "costly_image": "The picture takes too much to read",
    "deadline_exceeded": "There is not enough time",
    "draining": "The service is stopping",
    "full": "The service is busy",
    "internal_error": "The service failed",
    "invalid_header": "A header cannot be used",
    "invalid_options": "An option cannot be used",
    "key_limit": "The key has reached its limit",
    "key_missing": "A key is needed",
    "key_unknown": "The key is not valid",
    "missing_image": "There is no picture in the request",
    "not_acceptable": "The answer has no such format",
    "not_ready": "The model is being loaded",
    "out_of_memory": "There is not enough memory",
    "too_many_pixels": "The picture is too large",
    "unhealthy": "The service must be restarted",
    "unknown_adapter": "There is no such adapter",
    "unsupported_image": "The format of the file is not supported",
    "unsupported_media": "The format of the request is not supported",
    "upload_stalled": "The upload stopped",
}
"""Titles of problems by their codes. Others have the title of their HTTP status."""
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
        title=TITLES.get(error.code) or title(error.status),
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
