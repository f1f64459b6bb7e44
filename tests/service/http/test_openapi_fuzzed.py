"""The service answers whatever its OpenAPI document allows, and what it doesn't, as it says."""

import threading
import time

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from service.app import create_app, make_server
from service.settings import Settings
from tools.fakes import FakeEngine


def answers_in_words(_context, response, _case):
    """A service may be full, late, or out of memory; it may not stumble."""
    assert response.status_code < 500 or response.status_code in (503, 504, 507)


NOT_GIVEN: tuple[object, ...] = ("", None, [], {})
"""Values of options that the service takes for options that are not given."""


def refuses_what_the_document_forbids(context, response, case):
    """Check that wrong requests are refused, but for options that stand there without a value."""
    parts = [part for part in (case.query, case.body) if isinstance(part, dict)]
    options = [value for part in parts for name, value in part.items() if name != "image"]
    if not any(value in NOT_GIVEN or value == [""] for value in options):
        negative_data_rejection(context, response, case)


CHECKS = [
    answers_in_words,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    refuses_what_the_document_forbids,
    unsupported_method,
]
"""All but that valid data are accepted: bytes drawn at random are no picture."""


SCHEMA = schemathesis.openapi.from_dict(create_app(Settings()).openapi())
OPERATIONS = [result.ok() for result in SCHEMA.get_all_operations() if isinstance(result, Ok)]
CASES = [(operation, GenerationMode.POSITIVE) for operation in OPERATIONS] + [
    (operation, GenerationMode.NEGATIVE) for operation in OPERATIONS if len(operation.body)
]


@pytest.fixture(scope="module")
def url():
    """The address of a real server."""
    given = Settings(port=0, linger_seconds=0.0)
    server = make_server(given, create_app(given, FakeEngine()))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize(("operation", "mode"), CASES, ids=lambda one: getattr(one, "label", None))
def test_every_answer_is_as_the_document_says(url, operation, mode):
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        case.call_and_validate(base_url=url, checks=CHECKS)

    check()
