import json
import logging
import warnings

import pytest
import structlog

from service.observability import logs


@pytest.fixture(autouse=True)
def _restore():
    before, handlers = structlog.get_config(), logging.getLogger().handlers
    level = logging.getLogger().level
    yield
    logging.captureWarnings(capture=False)
    structlog.configure(**before)
    logging.getLogger().handlers = handlers
    logging.getLogger().setLevel(level)


def test_every_line_is_json_ours_and_theirs(capsys):
    logs.configure("info")
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger("ours").info("done", seconds=0.5)
    logging.getLogger("theirs").warning("hm %s", 1)
    logging.getLogger("theirs").debug("unheard")
    try:
        raise ValueError("oh")
    except ValueError:
        structlog.get_logger("ours").exception("failed")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["done", "hm 1", "failed"]
    assert lines[0]["request_id"] == "r1"
    assert lines[0]["seconds"] == 0.5
    assert lines[1]["level"] == "warning"
    assert "ValueError: oh" in lines[2]["exception"]


def test_warnings_are_log_lines(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logs.configure("info")
        warnings.warn("beware", stacklevel=1)
    assert "beware" in json.loads(capsys.readouterr().err)["event"]
