import json
from pathlib import Path

from service.app import create_app
from service.settings import Settings

SNAPSHOT = Path(__file__).parents[3] / "docs" / "api" / "openapi.json"


def test_the_document_is_the_one_in_the_docs():
    document = create_app(Settings()).openapi()
    assert document == json.loads(SNAPSHOT.read_text()), (
        "run: python -m service.app > docs/api/openapi.json"
    )


def test_every_reference_leads_somewhere():
    document = create_app(Settings()).openapi()
    schemas = document["components"]["schemas"]
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


def test_every_problem_is_problem_json():
    for path in create_app(Settings()).openapi()["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"]


def _references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
