import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from service.__main__ import app
from service.settings import Settings

runner = CliRunner()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Settings that a fake service was started with; it ends with exit code 3."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ABAIR_{name.upper()}", raising=False)
    seen: list[Settings] = []

    def serve(settings: Settings) -> int:
        seen.append(settings)
        return 3

    monkeypatch.setitem(sys.modules, "service.app", SimpleNamespace(serve=serve))
    return seen


@pytest.fixture
def well() -> Iterator[str]:
    """A server that is alive and not ready; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"status": "told"}'
            self.send_response(200 if self.path == "/healthz" else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_every_setting_is_an_option_and_an_environment_variable():
    result = runner.invoke(app, ["serve", "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')} " in result.output
        assert f"ABAIR_{name.upper()}]" in result.output


def test_without_options_the_defaults_are_served_and_the_exit_code_is_the_services(served):
    result = runner.invoke(app, ["serve"])
    assert result.exit_code == 3
    assert served == [Settings()]


def test_options_are_read_as_their_fields_are(served):
    options = ["--port", "0", "--max-wait-ms", "1.5", "--model-path", "w", "--threads", "2"]
    runner.invoke(app, ["serve", *options, "--api-keys", "a, b"])
    (settings,) = served
    assert (settings.port, settings.max_wait_ms, settings.threads) == (0, 1.5, 2)
    assert settings.model_path == Path("w")
    assert [key.get_secret_value() for key in settings.api_keys] == ["a", "b"]


def test_an_option_wins_over_the_environment(served):
    env = {"ABAIR_PORT": "1", "ABAIR_HOST": "0.0.0.0"}
    runner.invoke(app, ["serve", "--port", "2"], env=env)
    assert (served[0].port, served[0].host) == (2, "0.0.0.0")


def test_wrong_values_are_told_by_option_and_variable(served):
    result = runner.invoke(app, ["serve", "--port", "x", "--tile", "1"], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "--port (ABAIR_PORT)" in result.output
    assert "--tile (ABAIR_TILE)" in result.output
    assert served == []


def test_health_is_the_exit_code(well):
    alive = runner.invoke(app, ["health", "--url", well])
    assert (alive.exit_code, alive.stdout.strip()) == (0, '{"status": "told"}')
    ready = runner.invoke(app, ["health", "--url", well, "--ready"])
    assert ready.exit_code == 1
    assert "told" in ready.stderr


def test_health_asks_where_the_settings_say(well):
    result = runner.invoke(app, ["health"], env={"ABAIR_PORT": well.rsplit(":", 1)[1]})
    assert result.exit_code == 0


def test_nobody_there_is_exit_code_one():
    result = runner.invoke(app, ["health", "--url", "http://127.0.0.1:9"])
    assert result.exit_code == 1
    assert "no answer from" in result.stderr


def test_only_http_is_asked():
    result = runner.invoke(app, ["health", "--url", "file:///etc"])
    assert result.exit_code == 2
