"""The answer that tells an error: RFC 9457 ``application/problem+json``."""

import json
from http import HTTPStatus

from pydantic import BaseModel, Field
from starlette.responses import Response

from service.errors import ClientGoneError, FieldProblem, ServiceError

PROBLEM_TYPE = "application/problem+json"
MAX_TEXT = 500
"""Most characters of a text in an answer; a text often repeats what the caller sent."""


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
    """Return ``text``, or its first ``MAX_TEXT`` characters and a mark that it goes on."""
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " [...]"


def title(status: int) -> str:
    """Return the standard words for ``status``."""
    gone = status == ClientGoneError.status
    return "Client Closed Request" if gone else HTTPStatus(status).phrase


def problem_response(error: ServiceError, request_id: str) -> Response:
    """Make the answer that tells ``error``."""
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
