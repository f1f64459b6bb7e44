import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from benchmarks import against
from benchmarks.against import NotMeasuredError, Peer, check_same, over_best
from benchmarks.load import Answer, Request, arrivals, form, goodput, percentile, throughput
from benchmarks.network import frames_row, largest_size
from benchmarks.overload import refusal_rows
from benchmarks.pictures import jpeg, picture
from benchmarks.published import over_ours
from benchmarks.rows import NOTES, Row, write
from benchmarks.server import Server
from model import Restorer
from tests.model.conftest import make_network


@pytest.mark.parametrize(
    ("value", "reach", "reached"),
    [(1.0, "<= 1.05", True), (1.1, "<= 1.05", False), (0.96, ">= 0.95", True), (3.0, "", None)],
)
def test_a_row_knows_whether_it_is_reached(value, reach, reached):
    assert Row("x", "x", value, "ratio", reach).reached is reached


def test_the_page_is_written_anew_but_for_the_notes(tmp_path: Path):
    write([Row("a", "first", 1.0, "ms")], {"cores": "2"}, tmp_path)
    page = tmp_path / "performance.md"
    assert page.read_text().endswith(f"{NOTES}\n")
    page.write_text(page.read_text() + "\nThe memory.\n")
    write([Row("b", "second", 2.5, "ratio", "<= 2")], {"cores": "2"}, tmp_path)
    assert "first" not in page.read_text()
    assert "| second | 2.5 | <= 2 | not reached |" in page.read_text()
    assert page.read_text().endswith(f"{NOTES}\n\nThe memory.\n")
    stored = json.loads((tmp_path / "performance.json").read_text())
    assert stored["rows"][0]["name"] == "b"


def test_pictures_are_the_same_every_time():
    assert picture(20, 30, 1).equal(picture(20, 30, 1))
    assert not picture(20, 30, 1).equal(picture(20, 30, 2))
    assert jpeg(picture(20, 30)).startswith(b"\xff\xd8")


def test_a_row_without_a_number_says_why_on_the_page(tmp_path: Path):
    row = Row("x", "LitServe", None, "pictures/s", ">= 1", note="not installed")
    assert row.reached is None
    write([row], {}, tmp_path)
    page = (tmp_path / "performance.md").read_text()
    assert "| LitServe | not measured | >= 1 | not installed |" in page


def test_a_percentile_counts_from_the_intended_arrival():
    stalled = [Answer(due=0.1 * i, done=max(5.0, 0.1 * i + 0.01), status=200) for i in range(100)]
    assert percentile(stalled, 99) == pytest.approx(4.9)
    assert percentile(stalled, 50) == pytest.approx(0.01)
    assert percentile(stalled[:1], 99) == 5.0
    with pytest.raises(ValueError, match="no answer"):
        percentile([], 99)


def test_goodput_counts_pictures_within_the_time_alone():
    answers = [Answer(0, done, status) for done in (0.5, 1.5, 2.5, 3.5) for status in (200, 503)]
    assert goodput(answers, 1.0, 3.0) == 1.0


def test_refusals_and_lost_requests_are_told_apart():
    answers = [Answer(0, 2.0, 200)] * 6 + [Answer(1, 1.02, 503)] * 3 + [Answer(1, 2, 500)]
    rows = {row.name: row for row in refusal_rows(answers, peak=2.0, seconds=4.0)}
    assert rows["goodput_over_peak"].value == pytest.approx(1.0)
    assert rows["refusal"].value == pytest.approx(20)
    assert rows["overload_lost"].reached is False
    (calm,) = [row for row in refusal_rows([], peak=1, seconds=1) if row.name == "refusal"]
    assert (calm.value, calm.note) == (None, "nothing was refused")


def test_the_best_of_theirs_is_the_fastest_or_the_one_that_keeps_waiting_short():
    assert over_best("x", "x", 3.0, [1.0, 2.0], ">= 1.0").value == 1.5
    assert over_best("x", "x", 3.0, [1.0, 2.0], "<= 0.9").value == 3.0
    assert over_best("x", "x", 3.0, [], "<= 0.9").reached is None


def test_theirs_are_told_as_times_ours_or_why_they_are_not():
    measured = {name: {"parameters": 26e6, "seconds": 90.0} for name in ("Restormer", "PromptIR")}
    rows = {row.name: row for row in over_ours(measured, 1.0, "bf16")}
    assert rows["restormer_over_ours"].value == 90
    assert rows["promptir_over_ours"].reached
    missing = list(over_ours("no deepinv", 1.0, "bf16"))
    assert [row.note for row in missing] == ["no deepinv", "no deepinv"]


def test_a_peer_that_is_not_installed_keeps_its_row_and_leaves_the_others_theirs(monkeypatch):
    def speeds(start, _seconds, _expected):
        return start() or dict.fromkeys(against.SIDES, 2.0)

    def start(peer, *_):
        if peer.name == "litserve":
            raise NotMeasuredError("no LitServe")

    monkeypatch.setattr(against, "_speeds", speeds)
    monkeypatch.setattr(against, "_latencies", speeds)
    monkeypatch.setattr(against, "_start", start)
    monkeypatch.setattr(against, "Service", lambda *_, **__: None)
    told = against.peer_rows(None, threads=1, seconds=1, python=Path("python"))
    rows = {row.name: row for row in told}
    assert rows["litserve_throughput_512"].note == "no LitServe"
    assert rows["litserve_p99_96"].note == "no LitServe"
    assert rows["bentoml_throughput_512"].value == 2.0
    assert rows["throughput_over_best_512"].value == 1.0
    assert rows["peer_rate_96"].value == pytest.approx(1.4)


def test_a_peer_that_ends_says_its_last_words():
    peer = Peer("x", "Nobody", ("benchmarks.no_such_server",))
    with pytest.raises(NotMeasuredError, match=r"Nobody.*exit code 1.*No module named"):
        against._start(peer, Path(sys.executable), os.environ)
    with pytest.raises(NotMeasuredError, match="not installed"):
        against._start(peer, Path("/no/such/python"), os.environ)


def test_another_picture_is_not_the_same_work():
    first = jpeg(picture(40, 30, 1))
    check_same(first, first)
    with pytest.raises(NotMeasuredError, match="another picture"):
        check_same(jpeg(picture(40, 30, 2)), first)
    with pytest.raises(NotMeasuredError, match=r"\(30, 40, 3\)"):
        check_same(jpeg(picture(30, 40, 1)), first)


@pytest.mark.parametrize(("most", "size"), [(0, 1), (1, 1), (7, 6), (24, 24), (100, 24)])
def test_the_largest_picture_is_one_that_was_asked_for(most, size):
    assert largest_size(most) == size


@contextmanager
def echo() -> Iterator[tuple[str, list[bytes]]]:
    """Serve ``POST /restore`` with what came; tells where, and what came."""
    came: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):  # http.server's name
            came.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", came
        finally:
            server.shutdown()
            thread.join()


def test_many_frames_are_compared_with_a_loop():
    row = frames_row(Restorer(make_network(2, 2)), count=2, repeats=1)
    assert row.value is not None
    assert row.value > 0
    assert row.reach == ">= 1.5"


def test_as_many_arrive_as_the_rate_says_whatever_the_answers():
    with echo() as (url, came):
        answers = arrivals(url, [form(b"first"), form(b"second")], rate=100, seconds=0.2)
    assert len(came) == len(answers) == 20
    assert [answer.due for answer in answers] == pytest.approx([i / 100 for i in range(20)])
    assert {answer.status for answer in answers} == {200}
    assert min(answer.latency for answer in answers) > 0
    assert sum(b"second" in body for body in came) == 10


def test_who_breaks_the_connection_is_no_answer():
    with echo() as (url, _):
        pass
    (answer,) = arrivals(url, [Request("GET", "/healthz")], rate=1, seconds=0.1)
    assert answer.status == 0


def test_a_server_is_stopped_with_all_that_it_started():
    sleeps = "import time; time.sleep(60)"
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleeps!r}])"
    server = Server([sys.executable, "-c", starts], is_ready=lambda _: True)
    while len(family := server._family()) < 2:
        time.sleep(0.01)
    assert server.memory() > 0
    server.stop()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def test_callers_of_a_closed_loop_wait_for_each_other_alone():
    with echo() as (url, came):
        speed = throughput(url, [form(b"one")], seconds=0.2, callers=2)
    assert speed * 0.2 <= len(came)
    assert all(b'name="image"; filename=' in body for body in came)
