"""What ``abair restore`` says of pictures that fail, and of pictures with odd names."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from model.cli import progress
from model.cli.engines import Engine, Outcome, here
from model.cli.restoring import Job, Options
from model.restoring.restorer import Restorer
from tests.model.conftest import make_network

ESCAPE = "\x1b[2J\x1b]0;owned\x07"


def job(name: str) -> Job:
    return Job(Path(name), Path("out") / name)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "there is not enough memory for this picture"),
        (AssertionError(), "it failed with AssertionError"),
        (ValueError("it is broken"), "it is broken"),
    ],
)
def test_every_failure_has_a_reason(monkeypatch, error: Exception, told: str):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("model.cli.engines.restore_file", fail)
    (outcome,) = here(lambda: Restorer(make_network(2)))([job("a.png")], Options())
    assert outcome.report is None
    assert outcome.error.startswith(told)


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("name", [f"a{ESCAPE}.png", "[/red]a.png", "a\nb.png", "\udcff.png"])
def test_no_name_of_a_file_acts_on_the_terminal(monkeypatch, capsys, name: str, terminal: bool):
    if terminal:
        forced = Console(stderr=True, force_terminal=True, color_system=None, width=400)
        monkeypatch.setattr(progress, "Console", lambda **_: forced)

    def engine(jobs: list[Job], _: Options) -> Iterator[Outcome]:
        yield Outcome(jobs[0], None, f"bad {ESCAPE}")
        yield Outcome(jobs[1], {"notices": [f"odd {ESCAPE}"], "seconds": 1.0})

    run: Engine = engine
    assert progress.run(run, [job(name), job(name)], Options()) == 1
    told = capsys.readouterr().err
    assert "bad \\x1b[2J" in told
    assert "odd \\x1b[2J" in told
    assert "\x1b[2J" not in told
    assert "\x07" not in told
    assert "a\nb" not in told
