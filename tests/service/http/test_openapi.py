import json
import re
from pathlib import Path

from service.app import create_app
from service.http.api_keys import ADMIN_PATHS, OPEN_PATHS
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


def operations():
    for path, methods in create_app(Settings()).openapi()["paths"].items():
        for operation in methods.values():
            yield path, operation


def test_no_option_is_described_twice():
    for path, operation in operations():
        form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
        if form is not None:
            query = {one["name"] for one in operation["parameters"] if one["in"] == "query"}
            assert query, path
            assert set(form["schema"]["properties"]) == {"image"}


def test_open_paths_show_no_padlock_and_no_answers_about_keys():
    for path, operation in operations():
        is_open = path in OPEN_PATHS
        assert (operation["security"] == []) == is_open, path
        assert ({"401", "403"} <= set(operation["responses"])) != is_open, path
        assert ({} in operation["security"]) == (not is_open and path not in ADMIN_PATHS), path


def test_the_document_says_how_to_send_a_key():
    document = create_app(Settings()).openapi()
    for way in ("Authorization: Bearer KEY", "X-API-Key: KEY"):
        assert way in document["info"]["description"]
    assert all(
        "KEY" in way["description"] for way in document["components"]["securitySchemes"].values()
    )


def test_texts_are_for_readers_of_the_document_and_not_of_the_code():
    for path, operation in operations():
        for status, answer in operation["responses"].items():
            assert not re.search("``|Args:|\n", answer["description"]), (path, status)


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
