"""Train a phase of ABAIR: read the data, run the loop, measure and save the result."""

import dataclasses
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from model.config import CLEAN
from model.precision import choose_device
from model.storage.rank_reduction import cut_adapter
from model.storage.tensor_file import digest
from model.training.budget import Budget, Schedule
from model.training.data import Batches
from model.training.jobs import TrainingJob, initial_weights, prepare_job
from model.training.loop import Trainer
from model.training.options import TrainingOptions
from model.training.phases import Phase
from model.training.sources import Sources, read_sources
from model.training.stream import stream
from model.training.team import Team, join, leave
from model.training.validation import Validator


class Listener:
    """Is told how a training goes; this one ignores it. Override the methods to show it."""

    def row(self, numbers: Mapping[str, float]) -> None:
        """Take a row of numbers: losses with their step, or scores of a validation."""

    def progress(self, phase: str, share: float) -> None:
        """Take the share of the budget of ``phase`` that is used, in [0, 1]."""


_SILENT = Listener()


def train(options: TrainingOptions, listener: Listener = _SILENT) -> bool:
    """Train the phase that the options name, or continue its training, and save the result.

    Args:
        options: How to train.
        listener: Is told how it goes.

    Returns:
        Whether the budget is used; False if a signal stopped the training before.

    Raises:
        ValueError: If an option names something unknown, or another training uses the run folder.
    """
    _device(options)  # refused before other processes are started
    torch.manual_seed(options.seed)
    job = prepare_job(options)
    if options.processes == 1:
        return train_job(options, job, listener)
    return _train_together(options, job, listener)


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Keep other trainings out of a run's folder; the system forgets it with the process.

    Raises:
        ValueError: If one is in it.
    """
    run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise ValueError(
            f"another training is using {run}: wait until it ends, or use another run folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _train_together(options: TrainingOptions, job: TrainingJob, listener: Listener) -> bool:
    with alone(options.run), tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder) / "meeting"
        spawn = multiprocessing.get_context("spawn")
        others = [
            spawn.Process(target=_follow, args=(options, rank, meeting))
            for rank in range(1, options.processes)
        ]
        for other in others:
            other.start()
        try:
            return _train_as(options, job, 0, meeting, listener)
        finally:
            for other in others:
                other.join(timeout=60)
                other.kill()


def _follow(options: TrainingOptions, rank: int, meeting: Path) -> None:
    """Be one of the processes that train beside the one that was started."""
    torch.manual_seed(options.seed)
    _train_as(options, prepare_job(options), rank, meeting, _SILENT)


def _train_as(
    options: TrainingOptions, job: TrainingJob, rank: int, meeting: Path, listener: Listener
) -> bool:
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // options.processes))
    team = join(rank, options.processes, meeting)
    try:
        return _train(options, job, team, listener)
    finally:
        leave(team)


def train_job(options: TrainingOptions, job: TrainingJob, listener: Listener = _SILENT) -> bool:
    """Train a job, or continue its training; as ``train``.

    Args:
        options: How to train.
        job: What trains, and how it is saved.
        listener: Is told how it goes.
    """
    with alone(options.run):
        return _train(options, job, Team(), listener)


def _train(options: TrainingOptions, job: TrainingJob, team: Team, listener: Listener) -> bool:
    """Train as one of a team; the one that leads writes."""
    phase, device = _override(job.phase, options.overrides), _device(options)
    validator = Validator(options, phase)
    trainer = Trainer(
        network=job.network.channels_last(),
        phase=phase,
        run=options.run,
        budget=Budget(hours=options.hours, steps=options.steps),
        validate=validator,
        schedule=Schedule(),
        on_log=listener.row,
        on_step=lambda share: listener.progress(phase.name, share),
        team=team,
        device=device,
        compiles=device == "cuda",
    )
    torch.backends.cudnn.benchmark = True  # all crops have one size
    trainer.resume()
    if team.leads:
        _write_arguments(options, phase)
    sources = read_sources(
        options.data,
        pairs=_kinds(phase) if phase.mix.pairs else (),
        shortest=phase.mix.crop,
        without=options.without,
    )
    batches = Batches(sources, phase.mix, options.seed, job.own, team)
    done = trainer.fit(
        lambda start: stream(batches, start, workers=options.workers, pinned=device == "cuda")
    )
    if done and team.leads:
        _finish(options, job, trainer, validator, sources, listener)
    return done


def _finish(
    options: TrainingOptions,
    job: TrainingJob,
    trainer: Trainer,
    validator: Validator,
    sources: Sources,
    listener: Listener,
) -> None:
    """Measure the averaged weights, and save them."""
    with trainer.averaged() as averaged:
        if job.final_rank is not None:  # the trainer is spent after this; its checkpoint isn't
            cut_adapter(averaged, job.final_rank)
            listener.row({"rank": job.final_rank, **validator(averaged)})
        elif not validator.called:  # nothing was left to train
            validator(averaged)
        job.save(averaged, _provenance(options, trainer, sources), validator.measured)


def _device(options: TrainingOptions) -> str:
    """Choose where to compute.

    Raises:
        ValueError: If several processes are to train on a card.
    """
    together = options.processes > 1
    device = choose_device("cpu" if together and options.device == "auto" else options.device)
    if together and device == "cuda":
        raise ValueError("--processes above 1 works only on a CPU: leave it out for a GPU")
    return device


def _override(phase: Phase, overrides: tuple[str, ...]) -> Phase:
    """Apply ``field=value`` to the phase, or ``mix.field=value`` to its mix.

    Raises:
        ValueError: If there is no such field.
    """
    for override in overrides:
        name, _, value = override.partition("=")
        target, field = (phase.mix, name[4:]) if name.startswith("mix.") else (phase, name)
        if field not in {f.name for f in dataclasses.fields(target)} or not value:
            raise ValueError(
                f"--set {override!r} names no field: give FIELD=VALUE or mix.FIELD=VALUE"
            )
        changed = dataclasses.replace(target, **{field: json.loads(value)})
        phase = changed if isinstance(changed, Phase) else dataclasses.replace(phase, mix=changed)
    return phase


def _kinds(phase: Phase) -> tuple[str, ...]:
    return tuple(name for name, _ in phase.mix.odds if name != CLEAN)


def _provenance(options: TrainingOptions, trainer: Trainer, sources: Sources) -> dict[str, str]:
    pairs = [f"{len(samples)} of {name}" for name, samples in sources.pairs.items() if samples]
    began = initial_weights(options)
    return {
        **({} if began is None else {"began_as": digest(began)}),
        "data": f"{len(sources.clean)} clean pictures, {len(sources.depth)} with depth, "
        f"real pairs: {', '.join(pairs) or 'none'}",
        "command": options.command,
        "steps": str(trainer.step),
        "hours": f"{trainer.seconds / 3600:.2f}",
        "torch": torch.__version__,
    }


def _write_arguments(options: TrainingOptions, phase: Phase) -> None:
    told = {
        "options": {k: str(v) for k, v in dataclasses.asdict(options).items()},
        "phase": {
            f.name: str(getattr(phase, f.name))
            for f in dataclasses.fields(phase)
            if f.name not in ("parts", "losses")
        },
        "argv": sys.argv[1:],
    }
    (options.run / "args.json").write_text(json.dumps(told, indent=1) + "\n")
