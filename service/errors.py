"""Errors of the service, answered as RFC 9457 ``application/problem+json``.

::

    ServiceError
    |-- BadRequestError        400  broken_multipart, broken_json, broken_base64, broken_encoding,
    |                               missing_image, invalid_header
    |-- BrokenImageError       400  broken_image
    |-- MalformedRequestError  400  malformed_request
    |-- UnauthorizedError      401  key_missing
    |-- ForbiddenError         403  key_unknown
    |-- ForbiddenOriginError   403  origin_forbidden
    |-- NotFoundError          404  not_found
    |-- NotAcceptableError     406  not_acceptable
    |-- HeadStalledError       408  head_stalled
    |-- UploadStalledError     408  upload_stalled
    |-- ReloadFailedError      409  reload_failed
    |-- BodyTooLargeError      413  body_too_large
    |-- PictureTooLargeError   413  too_many_pixels
    |-- CostlyImageError       413  costly_image
    |-- UnsupportedMediaError  415  unsupported_media, unsupported_image,
    |                               unsupported_encoding
    |-- InvalidOptionsError    422  invalid_options, unknown_adapter
    |-- HeadTooLargeError      431  head_too_large
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

import math
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

MAX_ERRORS = 20
"""Most bad options that an answer lists."""


class FieldProblem(BaseModel):
    """One option that cannot be used."""

    option: str = Field(description="Name of the option.")
    detail: str = Field(description="What is wrong with it.")


class ServiceError(Exception):
    """Base of all errors that the service answers.

    Args:
        detail: What happened, for a person.
        code: Word for programs; the class's own if left out.
        hint: What to do about it; the class's own if left out.
        headers: Further headers of the answer.
        errors: One entry per bad option; the first ``MAX_ERRORS`` are kept.
    """

    status: int = 500
    code: str = "internal_error"
    hint: str = "Report this with the request id. The service's log has more details."

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
    hint = (
        "The file is probably cut off or damaged. Open it in a viewer, and send the original again."
    )


class UnauthorizedError(ServiceError):
    """No key was sent."""

    status, code = 401, "key_missing"
    hint = "Send your key as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'."


class ForbiddenError(ServiceError):
    """The key sent is not one of the service's."""

    status, code = 403, "key_unknown"
    hint = "Check the key. The operator sets the valid keys with ABAIR_API_KEYS."


class ForbiddenOriginError(ServiceError):
    """A page of this origin may not send this request."""

    status, code = 403, "origin_forbidden"
    hint = "The operator names the origins of such pages in ABAIR_CORS_ORIGINS."


class NotFoundError(ServiceError):
    """No endpoint has this path."""

    status, code = 404, "not_found"
    hint = "See /openapi.json for the endpoints and their methods."


class NotAcceptableError(ServiceError):
    """The request's ``Accept`` names no type that the service can answer with."""

    status, code = 406, "not_acceptable"
    hint = "Leave out Accept, or name one of the types in the detail."


class MalformedRequestError(ServiceError):
    """The bytes that came are no HTTP request."""

    status, code = 400, "malformed_request"
    hint = "Send HTTP/1.1. If the service is behind TLS, use https://."


class HeadStalledError(ServiceError):
    """The first line and the headers of a request did not come in time."""

    status, code = 408, "head_stalled"
    hint = "Send the head of a request at once; the operator sets ABAIR_HEAD_SECONDS."


class HeadTooLargeError(ServiceError):
    """The first line and the headers of a request have too many bytes."""

    status, code = 431, "head_too_large"
    hint = "Send fewer or shorter headers; options can be fields of the form."


class UploadStalledError(ServiceError):
    """The body stopped coming in before its end."""

    status, code = 408, "upload_stalled"
    hint = "Send the request again, without pauses; the operator sets ABAIR_UPLOAD_PAUSE_SECONDS."

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Connection": "close"})


class ReloadFailedError(ServiceError):
    """The model folder can't be loaded; the service keeps what it had loaded before."""

    status, code = 409, "reload_failed"
    hint = "Fix or remove what the detail names, then reload again. The log has more details."


class BodyTooLargeError(ServiceError):
    """More bytes than allowed."""

    status, code = 413, "body_too_large"
    hint = "Send a smaller file. The operator sets the limit with ABAIR_MAX_BODY_BYTES."


class PictureTooLargeError(ServiceError):
    """More pixels than allowed, by the picture's own header."""

    status, code = 413, "too_many_pixels"
    hint = "Send a smaller picture. The operator sets the limit with ABAIR_MAX_PIXELS."


class CostlyImageError(ServiceError):
    """Reading the file takes more time or memory than a picture may."""

    status, code = 413, "costly_image"
    hint = "Open the file in an ordinary program, save it as PNG or JPEG, and send that."


class UnsupportedMediaError(ServiceError):
    """The file has a format that the service does not read."""

    status, code = 415, "unsupported_media"
    hint = "Send JPEG, PNG, WebP, TIFF, BMP or AVIF."


class InvalidOptionsError(ServiceError):
    """An option is unknown or its value cannot be used."""

    status, code = 422, "invalid_options"
    hint = "See /openapi.json for the options and their values."


class KeyLimitError(ServiceError):
    """A key has reached its limit.

    Args:
        detail: How much the key has in progress, for a person.
        retry_after: Seconds after which to try again; the answer says at least 1.
    """

    status, code = 429, "key_limit"
    hint = "Wait for the answers to your other requests, or the seconds in Retry-After."

    def __init__(self, detail: str, *, retry_after: float = 1.0) -> None:
        super().__init__(detail, headers=_retry_after(retry_after))


class ClientGoneError(ServiceError):
    """The caller hung up; only the metrics see this answer."""

    status, code = 499, "client_gone"


class EngineFailedError(ServiceError):
    """The model failed on this picture."""

    status, code = 500, "internal_error"


class UnavailableError(ServiceError):
    """The service can't take the request now; the answer says when to try again.

    Args:
        detail: What happened, for a person.
        retry_after: Seconds after which to try again; the answer says at least 1.
    """

    status, code = 503, "unavailable"
    hint = "Try again after the number of seconds in Retry-After."

    def __init__(self, detail: str, *, retry_after: float = 1.0) -> None:
        super().__init__(detail, headers=_retry_after(retry_after))


class FullError(UnavailableError):
    """The service has accepted as much as it may hold."""

    code = "full"


class NotReadyError(UnavailableError):
    """The model is still being loaded or warmed up."""

    code = "not_ready"


class DrainingError(UnavailableError):
    """The service is about to stop."""

    code = "draining"
    hint = "This server is shutting down. Try again; another or the restarted server will answer."


class UnhealthyError(UnavailableError):
    """The service can't work any more and must be restarted."""

    code = "unhealthy"
    hint = "The operator must restart the service. Its log says what happened."


class DeadlineExceededError(ServiceError):
    """The answer would come too late."""

    status, code = 504, "deadline_exceeded"
    hint = "Send a smaller picture, or try again when the service is less busy."


class OutOfMemoryError(ServiceError):
    """The device does not have enough memory for this picture."""

    status, code = 507, "out_of_memory"
    hint = "Send a smaller picture. The operator can set a smaller ABAIR_TILE."


def _retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, min(600, math.ceil(seconds))))}
