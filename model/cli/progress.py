"""The whole job of ``abair restore``: counted, shown, reported."""

import json
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from model.cli.engines import FileRestorer, Outcome
from model.cli.restoring import FileJob, FileOptions
from model.printable import printable

_NAMED = 10
"""Files that a line names at most."""


def restore_files(
    engine: FileRestorer, jobs: list[FileJob], options: FileOptions, *, there: int = 0
) -> int:
    """Restore ``jobs``; one bad picture doesn't stop the others.

    Args:
        engine: Restores them; not called if there is nothing to do.
        jobs: What to do.
        options: How.
        there: Number of pictures of the whole that an earlier run did.

    Returns:
        Number of pictures that failed. Failures and progress go to standard error: a bar on a
        terminal, otherwise one line per picture.
    """
    console = Console(stderr=True)
    if not jobs:
        why = "every picture is there already" if there else "there is no picture that is read"
        console.print(f"nothing to do: {why}")
        return 0
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    total, failures = there + len(jobs), 0
    plain = not console.is_terminal
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=plain) as progress:
        bar = progress.add_task("restoring", total=total, completed=there)
        for number, outcome in enumerate(engine(jobs, options), there + 1):
            failures += outcome.report is None
            for line in _lines(outcome, f"{number}/{total}" if plain else None):
                console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
            _append(options.report, outcome)
            name = printable(outcome.job.source.name)
            progress.update(bar, description=name, advance=1)
    line = f"{len(jobs) - failures} restored, {failures} failed, {there} were there already"
    console.print(line, highlight=False)
    return failures


def list_files(jobs: Sequence[FileJob], *, there: int) -> None:
    """Print what would be restored, a line per picture; the count goes to standard error."""
    for job in jobs:
        typer.echo(printable(f"{job.source} -> {job.target}"))
    line = f"{len(jobs)} to restore, {there} are there already"
    Console(stderr=True).print(line, highlight=False)


def name_unread(paths: Sequence[Path]) -> None:
    """Name the pictures of kinds that are not read, on standard error."""
    if not paths:
        return
    names = ", ".join(map(str, paths[:_NAMED]))
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    line = f"left out, because these kinds of pictures are not read: {names}{more}"
    Console(stderr=True).print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _lines(outcome: Outcome, counted: str | None) -> list[str]:
    """Say why a picture failed, or what should be known of it, and its seconds if ``counted``."""
    job, report = outcome.job, outcome.report
    if report is None:
        return [f"{job.source}: {outcome.error}"]
    lines = [f"{job.source}: {notice}" for notice in report["notices"]]
    return (
        lines if counted is None else [*lines, f"{counted} {job.target} {report['seconds']:.1f} s"]
    )


def _append(path: Path | None, outcome: Outcome) -> None:
    """Append the line of the report: what was done, or why it failed."""
    if path is not None:
        job = outcome.job
        told = {"error": outcome.error} if outcome.report is None else outcome.report
        line = {"input": str(job.source), "output": str(job.target)} | told
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
