"""What ``abair train`` does: run a job on its data, measure it, save it."""

import dataclasses
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import Progress

from model.cli.preparing import Job, Measured, Options, beginning, prepare
from model.config import CLEAN, Degradation
from model.evaluation import evaluate_task
from model.networks.restoration import RestorationNetwork
from model.pictures.folders import find_pairs
from model.precision import choose_device
from model.restoring.restorer import Restorer
from model.storage.rank_reduction import cut_adapter
from model.storage.tensor_file import digest
from model.training.budget import Budget, Schedule
from model.training.data import Batches
from model.training.loop import Trainer
from model.training.phases import Phase
from model.training.report import draw_curves, draw_grid
from model.training.sources import Sources, read_sources
from model.training.stream import stream
from model.training.team import Team, join, leave


def run(options: Options) -> bool:
    """Train what the options name, or go on training it; tell whether the budget is used.

    Raises:
        ValueError: If an option names something unknown, or another training uses the run folder.
    """
    _device(options)  # refused before other processes are started
    torch.manual_seed(options.seed)
    job = prepare(options)
    return train(options, job) if options.processes == 1 else _train_together(options, job)


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


def _train_together(options: Options, job: Job) -> bool:
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
            return _train_as(options, job, 0, meeting)
        finally:
            for other in others:
                other.join(timeout=60)
                other.kill()


def _follow(options: Options, rank: int, meeting: Path) -> None:
    """Be one of the processes that train beside the one that was started."""
    torch.manual_seed(options.seed)
    _train_as(options, prepare(options), rank, meeting)


def _train_as(options: Options, job: Job, rank: int, meeting: Path) -> bool:
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // options.processes))
    team = join(rank, options.processes, meeting)
    try:
        return _train(options, job, team)
    finally:
        leave(team)


def train(options: Options, job: Job) -> bool:
    """Train a job, or go on training it; save it at the end, and tell whether it is reached.

    Args:
        options: How to train.
        job: What trains.

    Raises:
        ValueError: If an option names something unknown, or another training uses the run folder.
    """
    with alone(options.run):
        return _train(options, job, Team())


def _train(options: Options, job: Job, team: Team) -> bool:
    """Train as one of a team; the one that leads writes."""
    phase, device = _override(job.phase, options.overrides), _device(options)
    console, validator = Console(), Validator(options, phase)
    trainer = Trainer(
        network=job.network.channels_last(),
        phase=phase,
        run=options.run,
        budget=Budget(hours=options.hours, steps=options.steps),
        validate=validator,
        schedule=Schedule(),
        on_log=lambda row: _tell(console, row),
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
    with Progress(
        *Progress.get_default_columns(),
        console=console,
        disable=not (console.is_terminal and team.leads),
    ) as progress:
        bar = progress.add_task(phase.name, total=1.0)
        trainer.on_step = lambda share: progress.update(bar, completed=share)
        done = trainer.fit(
            lambda start: stream(batches, start, workers=options.workers, pinned=device == "cuda")
        )
    if done and team.leads:
        with trainer.averaged() as averaged:
            if job.cut is not None:  # the trainer is spent after this; its checkpoint isn't
                cut_adapter(averaged, job.cut)
                _tell(console, {"rank": job.cut, **validator(averaged)})
            elif not validator.called:  # nothing was left to train
                validator(averaged)
            job.save(averaged, _provenance(options, trainer, sources), validator.measured)
    return done


def _device(options: Options) -> str:
    """Choose where to compute.

    Raises:
        ValueError: If several processes are to train on a card.
    """
    together = options.processes > 1
    device = choose_device("cpu" if together and options.device == "auto" else options.device)
    if together and device == "cuda":
        raise ValueError("--processes above 1 works only on a CPU: leave it out for a GPU")
    return device


class Validator:
    """Scores the validation pairs that matter to the phase, and draws the run's pictures.

    Attributes:
        measured: What an adapter gained at the last validation; None where there was none.
        called: Whether there was a validation.
    """

    def __init__(self, options: Options, phase: Phase) -> None:
        self.run, self.mode = options.run, phase.mode
        self.measured: Measured | None = None
        self.called = False
        self.tasks = {
            task: pairs for folder in options.val for task, pairs in find_pairs(folder).items()
        }
        if options.what in set(Degradation):
            self.tasks = {
                task: pairs for task, pairs in self.tasks.items() if task.startswith(options.what)
            }

    def __call__(self, network: RestorationNetwork) -> dict[str, float]:
        """Return the PSNR of each task, dB."""
        restorer = Restorer(network)
        self.called = True
        row: dict[str, float] = {}
        gains: list[tuple[float, float]] = []
        modes = ("none", "oracle") if self.mode == "oracle" else (self.mode,)
        for task, pairs in self.tasks.items():
            before, *_, after = scores = evaluate_task(restorer, task, pairs, modes=modes)
            row[task] = after.psnr
            gains.append((after.psnr - before.psnr, after.psnr - scores[1].psnr))
        if gains:
            self.measured = Measured(
                round(sum(gain for gain, _ in gains) / len(gains), 2),
                round(sum(gain for _, gain in gains) / len(gains), 2),
                tuple(self.tasks),
            )
            alone = dict.fromkeys(restorer.askable[: len(restorer.adapters) or None], 1.0)
            adapters = alone if self.mode == "oracle" else self.mode
            draw_grid(restorer, self.tasks, self.run / "grid.png", adapters=adapters)
        draw_curves(self.run)
        return row


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


def _provenance(options: Options, trainer: Trainer, sources: Sources) -> dict[str, str]:
    pairs = [f"{len(samples)} of {name}" for name, samples in sources.pairs.items() if samples]
    began = beginning(options)
    return {
        **({} if began is None else {"began_as": digest(began)}),
        "data": f"{len(sources.clean)} clean pictures, {len(sources.depth)} with depth, "
        f"real pairs: {', '.join(pairs) or 'none'}",
        "command": options.command,
        "steps": str(trainer.step),
        "hours": f"{trainer.seconds / 3600:.2f}",
        "torch": torch.__version__,
    }


def _write_arguments(options: Options, phase: Phase) -> None:
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


def _tell(console: Console, row: dict[str, float]) -> None:
    told = "  ".join(f"{name} {value:.4g}" for name, value in row.items())
    console.print(told, highlight=False, soft_wrap=True)
