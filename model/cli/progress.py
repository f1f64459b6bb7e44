"""The whole job of ``abair restore``: counted, shown, reported."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from model.cli.engines import FileRestorer
from model.cli.restoring import FileJob, FileOptions
from model.printable import printable


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
        console.print("nothing to do: every picture is there already")
        return 0
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    total, failures = there + len(jobs), 0
    plain = not console.is_terminal
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=plain) as progress:
        bar = progress.add_task("restoring", total=total, completed=there)
        for number, outcome in enumerate(engine(jobs, options), there + 1):
            job, report = outcome.job, outcome.report
            if report is None:
                failures += 1
                line = printable(f"{job.source}: {outcome.error}")
                console.print(line, markup=False, soft_wrap=True)
            else:
                for notice in report["notices"]:
                    line = printable(f"{job.source}: {notice}")
                    console.print(line, markup=False, soft_wrap=True)
                files = {"input": str(job.source), "output": str(job.target)}
                _append(options.report, files | report)
                if plain:
                    line = printable(f"{number}/{total} {job.target} {report['seconds']:.1f} s")
                    console.print(line, markup=False, highlight=False, soft_wrap=True)
            progress.update(bar, description=printable(job.source.name), advance=1)
    line = f"{len(jobs) - failures} restored, {failures} failed, {there} were there already"
    console.print(line, highlight=False)
    return failures


def _append(path: Path | None, report: Mapping[str, Any]) -> None:
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(report) + "\n")
