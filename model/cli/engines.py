"""Where the pictures of ``abair restore`` are restored: in this process, or on a Ray cluster."""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import model
from model.cli.restoring import Job, Options, restore_file
from model.restoring.restorer import Restorer


@dataclass(frozen=True)
class Outcome:
    """What became of one picture.

    Attributes:
        job: What was to be done.
        report: What ``restore_file`` tells, or None where it failed.
        error: Why it failed.
    """

    job: Job
    report: dict[str, Any] | None
    error: str = ""


Engine: TypeAlias = Callable[[list[Job], Options], Iterator[Outcome]]
"""Does every job once, in any order; one bad picture doesn't stop the others."""


def here(load: Callable[[], Restorer]) -> Engine:
    """Return the engine of this process, which restores one picture after the other."""

    def engine(jobs: list[Job], options: Options) -> Iterator[Outcome]:
        restorer = load()
        for job in jobs:
            yield _attempt(restorer, job, options)

    return engine


def on_ray(weights: Path | None, workers: int | None) -> Engine:
    """Return the engine of a Ray cluster: workers that each keep a restorer and do pictures.

    The cluster is the one that ``RAY_ADDRESS`` names, or one on this machine for the time of the
    run. All its machines must see the same files under the same paths, and have the same
    ``abair``. A worker that dies is started anew; its picture is tried three times more.

    Args:
        weights: Folder of weights, the bundled ones if None.
        workers: How many; one a core of the cluster if None.

    Raises:
        ValueError: If Ray isn't installed.
    """
    try:
        import ray  # noqa: F401 - of an extra: told here, not after the files were listed
    except ImportError as error:
        raise ValueError("--engine ray needs Ray: pip install '.[ray]'") from error

    def engine(jobs: list[Job], options: Options) -> Iterator[Outcome]:
        import ray

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        try:
            count = workers or int(ray.cluster_resources()["CPU"])  # type: ignore[no-untyped-call]
            hired = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=3)(_Worker)
            folder = None if weights is None else weights.absolute()
            crew = [hired.remote(folder, options) for _ in range(min(count, len(jobs)))]
            yield from _spread(jobs, crew)
        finally:
            ray.shutdown()

    return engine


class _Worker:
    """One process of the cluster."""

    def __init__(self, weights: Path | None, options: Options) -> None:
        self.restorer = model.load() if weights is None else model.load(weights)
        self.options = options

    def restore(self, job: Job) -> Outcome:
        return _attempt(self.restorer, job, self.options)


def _spread(jobs: list[Job], crew: list[Any]) -> Iterator[Outcome]:
    """Keep every worker busy with one picture and one that waits for it."""
    import ray

    rest = iter(jobs)
    pending: dict[Any, tuple[Any, Job]] = {}

    def give(worker: Any) -> None:  # noqa: ANN401 - an actor's handle has no type
        job = next(rest, None)
        if job is not None:
            anywhere = Job(job.source.absolute(), job.target.absolute())
            pending[worker.restore.remote(anywhere)] = worker, job

    for worker in [*crew, *crew]:
        give(worker)
    while pending:
        (done,), _ = ray.wait(list(pending))
        worker, job = pending.pop(done)
        give(worker)
        try:
            outcome = ray.get(done)
        except ray.exceptions.RayError as error:
            yield Outcome(job, None, f"its worker failed: {error}")
        else:
            yield Outcome(job, outcome.report, outcome.error)


def _attempt(restorer: Restorer, job: Job, options: Options) -> Outcome:
    try:
        return Outcome(job, restore_file(restorer, job, options))
    except MemoryError:
        return Outcome(job, None, "there is not enough memory for this picture; try --tile 256")
    except Exception as error:  # noqa: BLE001 - a decoder's stumbling is the file's fault
        return Outcome(job, None, str(error) or f"it failed with {type(error).__name__}")
