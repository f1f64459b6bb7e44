import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserType, Page, expect, sync_playwright

from tools.fakes import file_of, photo

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds after which something counts as not happening; a busy machine may take long."""
NAMES = ("chromium", "chromium-browser", "google-chrome")
BUNDLED = "import sys; from service.__main__ import main; main()"
GUARDED = """
import sys
from service.app import serve
from service.settings import Settings
from tools.fakes import FakeEngine

sys.exit(serve(Settings(port={port}, api_keys="the key"), FakeEngine()))
"""


def find_chromium(kind: BrowserType) -> str | None:
    """Path of a Chromium: the one named, one that is installed, or playwright's own."""
    named = os.environ.get("ABAIR_CHROMIUM")
    if named:
        return named
    paths = [shutil.which(name) for name in NAMES]
    own = kind.executable_path
    return next((path for path in paths if path), own if Path(own).exists() else None)


# For this package, not for the session: while it lives, no other test can run an event loop.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium)
        if path is None:
            reason = "no Chromium: install Debian's package chromium, or name one: ABAIR_CHROMIUM"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        browser = playwright.chromium.launch(executable_path=path)
        expect.set_options(timeout=PATIENCE * 1000)
        yield browser
        browser.close()


@contextlib.contextmanager
def running(program: str, port: int, *arguments: str) -> Iterator[str]:
    """Run a server in a process of its own; gives its address once it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/readyz").status_code == 200:
                    break
            assert process.poll() is None, process.communicate()[1].decode()
            time.sleep(0.1)
        else:
            raise AssertionError("the server never became ready")
        yield f"{url}/"
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="package")
def service() -> Iterator[str]:
    """The address of a real server with the bundled weights."""
    port = free_port()
    with running(BUNDLED, port, "serve", "--port", str(port), "--log-level", "error") as url:
        yield url


@pytest.fixture(scope="package")
def guarded() -> Iterator[str]:
    """The address of a server that wants the key ``the key``; its engine is a fake."""
    port = free_port()
    with running(GUARDED.format(port=port), port) as url:
        yield url


@pytest.fixture(scope="package")
def client(service: str) -> Iterator[httpx.Client]:
    """A client of that server."""
    with httpx.Client(base_url=service, timeout=PATIENCE) as client:
        yield client


@dataclass
class Watch:
    """What pages complained about and whom they asked."""

    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def expect(self, words: str) -> None:
        """Take back a complaint that the test provoked; browsers log every failed request."""
        assert any(words in complaint for complaint in self.complaints), self.complaints
        self.complaints = [text for text in self.complaints if words not in text]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test if a page complained, or asked anybody but the service."""
    watch = Watch()
    yield watch
    assert watch.complaints == []
    foreign = ("http://127.0.0.1:", "blob:http://127.0.0.1:", "data:")
    assert [url for url in watch.asked if not url.startswith(foreign)] == []


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, service: str, watch: Watch) -> Iterator[Visit]:
    """Open the page; options are those of a browser's context (``viewport``, ``color_scheme``)."""
    contexts = []

    def go(url: str = service, **options: object) -> Page:
        given = {"viewport": {"width": 1200, "height": 900}, **options}
        context = browser.new_context(**given)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        page = context.new_page()
        watch.follow(page)
        page.goto(url)
        return page

    yield go
    for context in contexts:
        context.close()


@pytest.fixture
def page(visit: Visit) -> Page:
    """The page as it shows itself first."""
    page = visit()
    page.wait_for_selector(".stage.done")
    page.wait_for_selector("#weights li")
    return page


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """A small picture file with a name that shells and curl find hard."""
    path = tmp_path / 'it\'s a; noisy, "photo".png'
    path.write_bytes(file_of(photo(60, 90)))
    return path
