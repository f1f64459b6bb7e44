"""What may go wrong, and how it is told: RFC 9457 ``application/problem+json``.

::

    ServiceError
    |-- BadRequestError        400  broken_multipart, missing_image, invalid_header
    |-- BrokenImageError       400  broken_image
    |-- UnauthorizedError      401  key_missing
    |-- ForbiddenError         403  key_unknown
    |-- NotAcceptableError     406  not_acceptable
    |-- UploadStalledError     408  upload_stalled
    |-- ReloadFailedError      409  reload_failed
    |-- BodyTooLargeError      413  body_too_large
    |-- PictureTooLargeError   413  too_many_pixels
    |-- CostlyImageError       413  costly_image
    |-- UnsupportedMediaError  415  unsupported_media, unsupported_image
    |-- InvalidOptionsError    422  invalid_options, unknown_adapter
    |-- KeyLimitError          429  key_limit, with Retry-After
    |-- ClientGoneError        499  client_gone (nobody reads the answer; it is counted)
    |-- EngineFailedError      500  internal_error
    |-- UnavailableError       503  with Retry-After
    |   |-- FullError               full
    |   |-- NotReadyError           not_ready
    |   |-- DrainingError           draining
    |   `-- UnhealthyError          unhealthy
    |-- DeadlineExceededError  504  deadline_exceeded
    `-- OutOfMemoryError       507  out_of_memory
"""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from pydantic import BaseModel, Field
from starlette.responses import Response

PROBLEM_TYPE = "application/problem+json"
MAX_ERRORS = 20
"""Most bad options that an answer lists."""
MAX_TEXT = 500
"""Most characters of a text in an answer; a text often repeats what the caller sent."""


class FieldProblem(BaseModel):
    """One option that cannot be used."""

    option: str = Field(description="Name of the option.")
    detail: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """RFC 9457 problem details: the body of every answer that is not a success."""

    type: str = Field(description="Stable identifier of the kind of problem.")
    title: str = Field(description="The kind of problem in a few words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened to this request.")
    code: str = Field(description="The kind of problem as one word for programs.")
    request_id: str = Field(description="Also in X-Request-Id and in the service's log.")
    hint: str = Field(description="What to do about it.")
    errors: list[FieldProblem] | None = Field(None, description="One entry a bad option.")


class ServiceError(Exception):
    """Base of everything the service answers with something else than success.

    Args:
        detail: What happened, for a person.
        code: Word for programs; the class's own if left out.
        hint: What to do about it; the class's own if left out.
        headers: Further headers of the answer.
        errors: One entry per bad option; the first ``MAX_ERRORS`` are kept.
    """

    status: int = 500
    code: str = "internal_error"
    hint: str = "Report this with the request id; the service's log says more."

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldProblem] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.hint = hint or self.hint
        self.headers = dict(headers or {})
        self.errors = list(errors[:MAX_ERRORS])


class BadRequestError(ServiceError):
    """The request is not built as HTTP or multipart demands."""

    status, code = 400, "bad_request"
    hint = (
        "Send the picture as multipart field 'image', or as the body with Content-Type: image/..."
    )


class BrokenImageError(ServiceError):
    """The bytes claim to be a picture but cannot be decoded."""

    status, code = 400, "broken_image"
    hint = "Open the file in a viewer; it is probably cut off or damaged. Send the original again."


class UnauthorizedError(ServiceError):
    """No key was shown."""

    status, code = 401, "key_missing"
    hint = "Send your key as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'."


class ForbiddenError(ServiceError):
    """The key shown is not one of ours."""

    status, code = 403, "key_unknown"
    hint = "Check the key; the operator lists valid ones in ABAIR_API_KEYS."


class NotAcceptableError(ServiceError):
    """Nothing we can answer with is in the request's Accept."""

    status, code = 406, "not_acceptable"
    hint = "Leave Accept out, or name one of the types in the detail."


class UploadStalledError(ServiceError):
    """The body stopped coming in before its end."""

    status, code = 408, "upload_stalled"
    hint = "Send the request again, without pauses; the operator sets ABAIR_UPLOAD_PAUSE_SECONDS."

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Connection": "close"})


class ReloadFailedError(ServiceError):
    """What is in the model's folder cannot be served; what was loaded before is served on."""

    status, code = 409, "reload_failed"
    hint = "Mend or remove what the detail names, then reload again; the service's log says more."


class BodyTooLargeError(ServiceError):
    """More bytes than allowed."""

    status, code = 413, "body_too_large"
    hint = "Send a smaller file; the operator sets the limit with ABAIR_MAX_BODY_BYTES."


class PictureTooLargeError(ServiceError):
    """More pixels than allowed, by the picture's own header."""

    status, code = 413, "too_many_pixels"
    hint = "Send a smaller picture; the operator sets the limit with ABAIR_MAX_PIXELS."


class CostlyImageError(ServiceError):
    """Reading the file takes more time or memory than a picture may."""

    status, code = 413, "costly_image"
    hint = "Open the file in an ordinary program, save it as PNG or JPEG, and send that."


class UnsupportedMediaError(ServiceError):
    """Not a kind of file we read."""

    status, code = 415, "unsupported_media"
    hint = "Send JPEG, PNG, WebP, TIFF, BMP or AVIF."


class InvalidOptionsError(ServiceError):
    """An option is unknown or its value cannot be used."""

    status, code = 422, "invalid_options"
    hint = "See /openapi.json for the options and their values."


class KeyLimitError(ServiceError):
    """A key has as much at once as it may.

    Args:
        detail: What it has, for a person.
        retry_after: Seconds after which to try again, at least 1 is told.
    """

    status, code = 429, "key_limit"
    hint = "Wait for your other requests to be answered, then the seconds in Retry-After."

    def __init__(self, detail: str, *, retry_after: float = 1.0) -> None:
        super().__init__(detail, headers=_retry_after(retry_after))


class ClientGoneError(ServiceError):
    """The caller hung up; the answer is for the metrics alone."""

    status, code = 499, "client_gone"


class EngineFailedError(ServiceError):
    """The model failed on this picture."""

    status, code = 500, "internal_error"


class UnavailableError(ServiceError):
    """Not now; the answer says when to come again.

    Args:
        detail: What happened, for a person.
        retry_after: Seconds after which to try again, at least 1 is told.
    """

    status, code = 503, "unavailable"
    hint = "Try again after the seconds in Retry-After."

    def __init__(self, detail: str, *, retry_after: float = 1.0) -> None:
        super().__init__(detail, headers=_retry_after(retry_after))


class FullError(UnavailableError):
    """As much as the service may hold is already accepted."""

    code = "full"


class NotReadyError(UnavailableError):
    """The model is still being loaded or warmed up."""

    code = "not_ready"


class DrainingError(UnavailableError):
    """The service is about to stop."""

    code = "draining"
    hint = "This server is shutting down: try again, and you will reach another or its successor."


class UnhealthyError(UnavailableError):
    """The service cannot work any more and should be restarted."""

    code = "unhealthy"
    hint = "Restart the service; its log says what happened."


class DeadlineExceededError(ServiceError):
    """The answer would come too late."""

    status, code = 504, "deadline_exceeded"
    hint = "Send a smaller picture, or try when the service is less busy."


class OutOfMemoryError(ServiceError):
    """The device has not the memory for this picture."""

    status, code = 507, "out_of_memory"
    hint = "Send a smaller picture; the operator can set a smaller ABAIR_TILE."


def _retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, min(600, math.ceil(seconds))))}


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
