"""The parts of the OpenAPI document that FastAPI cannot read from the endpoints."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service import errors
from service.answers.answer_format import JSON
from service.answers.reports import AdaptersReport, MapReport, RestoreReport
from service.errors import ServiceError
from service.http.api_keys import ADMIN_PATHS, OPEN_PATHS
from service.http.form_fields import IMAGE_FIELDS
from service.http.problems import PROBLEM_TYPE, Problem

Schema = dict[str, Any]

REPORTS: tuple[type[BaseModel], ...] = (RestoreReport, MapReport, AdaptersReport, Problem)
"""Bodies that endpoints encode themselves. FastAPI adds the reports that endpoints return."""
IMAGE_TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/tiff",
    "image/bmp",
    "image/avif",
    "image/heic",
    "image/jxl",
    "image/jp2",
)
KEYS: Mapping[str, Schema] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The header `Authorization: Bearer KEY`. Send one of the two headers.",
    },
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The header `X-API-Key: KEY`. Send one of the two headers.",
    },
}
"""Ways to send a key, if the operator has set keys."""
TIMEOUT_HEADER = "X-Request-Timeout"
"""Header with the number of seconds that a caller will wait."""
BINARY: Schema = {"schema": {"type": "string", "format": "binary"}}


def reference(model: type[BaseModel]) -> Schema:
    """Refer to a report's schema."""
    return {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}


def picture_request(options: type[BaseModel]) -> Schema:
    """Describe the forms of a request that carries a picture: multipart, JSON, and raw.

    The options are described once, in the query, although they may be fields of the form or members
    of the JSON object too. A client that is made from the document would otherwise send each twice.
    """
    properties: dict[str, Schema] = options.model_json_schema(by_alias=True)["properties"]
    picture = {"type": "string", "format": "binary", "description": "The picture's file."}
    form = {
        "type": "object",
        "description": "The picture. The options may also be fields of this form, in place of the "
        "query; an option that is given in both is refused.",
        "properties": {IMAGE_FIELDS[0]: picture},
        "required": [IMAGE_FIELDS[0]],
    }
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema.get("description", ""),
            "schema": _without_text(schema),
        }
        for name, schema in properties.items()
    ]
    parameters.append(
        {
            "name": TIMEOUT_HEADER,
            "in": "header",
            "required": False,
            "description": "Seconds that you will wait; longer requests are refused. A unit may "
            "follow: 5s, 500ms, 2m.",
            "schema": {"type": "number", "exclusiveMinimum": 0},
        }
    )
    text = {
        "type": "string",
        "minLength": 1,
        "description": "The picture's file as base64, or as a data URL.",
    }
    as_json = {
        "type": "object",
        "description": "The picture. The options may also be members of this object, in place of "
        "the query.",
        "properties": {IMAGE_FIELDS[0]: text},
        "required": [IMAGE_FIELDS[0]],
    }
    content: Schema = {"multipart/form-data": {"schema": form}, JSON: {"schema": as_json}}
    content |= dict.fromkeys(
        (*IMAGE_TYPES, "application/x-npy", "application/octet-stream"), BINARY
    )
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}


def _without_text(schema: Schema) -> Schema:
    """Return the schema of an option without its description, and without an empty default."""
    kept = {key: value for key, value in schema.items() if key != "description"}
    if not kept.get("default", True) and kept.get("type") == "string":
        del kept["default"]
    return kept


def problems(kinds: Sequence[type[ServiceError]] = ()) -> dict[int | str, Schema]:
    """Describe the problems of an endpoint, for FastAPI's ``responses``."""
    described: dict[int | str, Schema] = {}
    for kind in kinds:
        described.setdefault(kind.status, _problem(kind))
    return described


def _problem(kind: type[ServiceError]) -> Schema:
    summary = (kind.__doc__ or "").partition("\n\n")[0].strip().replace("``", "`")
    return {"description": summary, "content": {PROBLEM_TYPE: reference(Problem)}}


def _describe_keys(path: str, operation: Schema) -> None:
    """Describe whether an operation needs a key, and what it answers without a valid one."""
    if path in OPEN_PATHS:
        operation["security"] = []
        return
    ways: list[Schema] = [{name: []} for name in KEYS]
    operation["security"] = ways if path in ADMIN_PATHS else [{}, *ways]
    for kind in (errors.UnauthorizedError, errors.ForbiddenError):
        operation["responses"][str(kind.status)] = _problem(kind)


def answers(
    description: str, content: Mapping[str, Schema], kinds: Sequence[type[ServiceError]] = ()
) -> dict[int | str, Schema]:
    """Describe the success and the problems of an endpoint, for FastAPI's ``responses``.

    Args:
        description: Of the success.
        content: The media types of the success, with their schemas.
        kinds: The problems.
    """
    return {200: {"description": description, "content": dict(content)}, **problems(kinds)}


class DocumentedAPI(FastAPI):
    """A FastAPI application whose document has the schemas of all reports and problems.

    FastAPI describes JSON answers from response models. It has no means for problem+json answers,
    and for a picture that comes as a raw body or in a form; this module adds their descriptions.
    """

    def openapi(self) -> Schema:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            document = super().openapi()
            _, schemas = models_json_schema(
                [(report, "serialization") for report in REPORTS],
                ref_template="#/components/schemas/{model}",
            )
            components = document.setdefault("components", {})
            components.setdefault("schemas", {}).update(schemas["$defs"])
            components["securitySchemes"] = KEYS
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    _describe_keys(path, operation)
        return super().openapi()
