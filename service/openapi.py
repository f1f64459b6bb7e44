"""The parts of the OpenAPI document that FastAPI can't read from the handlers."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service import errors
from service.errors import ServiceError
from service.problems import PROBLEM_TYPE, Problem
from service.schemas import (
    AdaptersReport,
    HealthReport,
    MapReport,
    ReadyReport,
    RestoreReport,
)
from service.uploads import IMAGE_FIELDS

Schema = dict[str, Any]

REPORTS: tuple[type[BaseModel], ...] = (
    RestoreReport,
    MapReport,
    AdaptersReport,
    HealthReport,
    ReadyReport,
    Problem,
)
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
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
"""Ways to send a key, if the operator has set keys."""
PATIENCE = "X-Request-Timeout"
"""Header with the seconds that a caller will wait."""
BINARY: Schema = {"schema": {"type": "string", "format": "binary"}}


def reference(model: type[BaseModel]) -> Schema:
    """Refer to a report's schema."""
    return {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}


def picture_request(options: type[BaseModel]) -> Schema:
    """Describe both forms of a request that carries a picture: multipart and raw."""
    properties: dict[str, Schema] = options.model_json_schema(by_alias=True)["properties"]
    picture = {"type": "string", "format": "binary", "description": "The picture's file."}
    form = {
        "type": "object",
        "properties": {IMAGE_FIELDS[0]: picture, **properties},
        "required": [IMAGE_FIELDS[0]],
    }
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema.get("description", ""),
            "schema": {key: value for key, value in schema.items() if key != "description"},
        }
        for name, schema in properties.items()
    ]
    parameters.append(
        {
            "name": PATIENCE,
            "in": "header",
            "required": False,
            "description": "Seconds that you will wait; longer requests are refused.",
            "schema": {"type": "number", "exclusiveMinimum": 0},
        }
    )
    content = {"multipart/form-data": {"schema": form}, **dict.fromkeys(IMAGE_TYPES, BINARY)}
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}


def answers(
    description: str, content: Mapping[str, Schema], problems: Sequence[type[ServiceError]] = ()
) -> dict[int | str, Schema]:
    """Describe the success and the problems of an endpoint."""
    told: dict[int | str, Schema] = {200: {"description": description, "content": dict(content)}}
    guards: list[type[ServiceError]] = [errors.UnauthorizedError, errors.ForbiddenError]
    for problem in [*problems, *guards]:
        if problem.status in told:
            continue
        told[problem.status] = {
            "description": (problem.__doc__ or "").strip(),
            "content": {PROBLEM_TYPE: reference(Problem)},
        }
    return told


def install(app: FastAPI) -> None:
    """Make ``app`` describe itself with the schemas of all reports and problems."""

    def describe() -> Schema:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            _, schemas = models_json_schema(
                [(report, "serialization") for report in REPORTS],
                ref_template="#/components/schemas/{model}",
            )
            components = document.setdefault("components", {})
            components["schemas"] = schemas["$defs"]
            components["securitySchemes"] = KEYS
            document["security"] = [{}, *({name: []} for name in KEYS)]
            app.openapi_schema = document
        return app.openapi_schema

    app.__dict__["openapi"] = describe
