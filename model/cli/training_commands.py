"""The commands ``train`` and ``validation`` with their options."""

from pathlib import Path
from typing import Annotated

import typer

from model.cli.common import Device, examples, need_matplotlib, usage

_VALIDATION_EXAMPLES = examples(
    "abair validation DATA VALIDATION",
    "abair train rain --data DATA --hold-out VALIDATION/held-out.txt --val VALIDATION ...",
    "abair evaluate VALIDATION",
    ending="Exit codes: 0 made, 2 wrong usage.",
)
_TRAINING_EXAMPLES = examples(
    "abair train baseline --data DATA --run runs/base --weights weights --hours 3",
    "abair train rain --data DATA --run runs/rain --weights weights --hours 0.33",
    "abair train estimator --data DATA --run runs/estimator --weights weights --hours 0.2",
    ending="Exit codes: 0 trained, 2 wrong usage, 3 stopped: run the same command again to "
    "continue. For a degradation that isn't one of the five, use abair adapter train.",
)


def register_training(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command(epilog=_VALIDATION_EXAMPLES)(validation)
    app.command(epilog=_TRAINING_EXAMPLES)(train)


def validation(
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Training folder, as docs/training.md describes."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write.")],
    every: Annotated[
        int, typer.Option(min=2, help="Of this many runs of neighbouring pictures, hold one out.")
    ] = 9,
    run: Annotated[int, typer.Option(min=1, help="Number of pictures in a run.")] = 12,
    count: Annotated[int, typer.Option(min=1, help="Most pictures per task.")] = 32,
    seed: Annotated[int, typer.Option(help="Random seed of the degradations.")] = 0,
) -> None:
    """Hold pictures out of a training folder and make pairs of them to validate on.

    Neighbouring names are held out together, because they often show the same scene. Clean pictures
    are degraded in several ways at fixed seeds, pictures with depth get haze, and real pairs are
    taken as they are. OUT/held-out.txt lists what abair train must leave out.
    """
    from model.evaluation.wide import make_wide_validation

    made = usage(make_wide_validation, data, out, every=every, run=run, count=count, seed=seed)
    for task, pairs in made.tasks.items():
        typer.echo(f"{task}  {pairs} pairs")
    typer.echo(f"{len(made.held_out)} pictures are listed in {out / 'held-out.txt'}")


def train(
    what: Annotated[
        str,
        typer.Argument(
            metavar="PHASE",
            help="baseline (phase I), a degradation such as rain (its adapter, phase II), "
            "or estimator (phase III).",
        ),
    ],
    data: Annotated[
        Path,
        typer.Option(help="Folder with clean/, depth/ and pairs/, as docs/training.md describes."),
    ],
    run: Annotated[
        Path, typer.Option(help="Folder for checkpoint and logs; an existing run continues.")
    ],
    weights: Annotated[Path, typer.Option(help="Folder of weights to read from and write to.")],
    val: Annotated[
        Path | None,
        typer.Option(help="Folder with validation pairs: TASK/degraded/* and TASK/clean/*."),
    ] = None,
    hold_out: Annotated[
        Path | None,
        typer.Option(
            help="File that lists pictures of --data not to train on: held-out.txt, which abair "
            "validation writes."
        ),
    ] = None,
    hours: Annotated[float | None, typer.Option(help="Length of the training, in hours.")] = None,
    steps: Annotated[int | None, typer.Option(help="Length of the training, in steps.")] = None,
    preset: Annotated[str, typer.Option(help="Size of a new baseline: small or large.")] = "small",
    rank: Annotated[int, typer.Option(min=1, help="Rank of the new adapter.")] = 4,
    train_rank: Annotated[
        int | None,
        typer.Option(
            min=1, help="Rank of the new adapter during training; cut to --rank at the end."
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(help="Weights to start from; an adapter may be of another baseline."),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            help="Number of training processes; use one per core if other programs run too.",
        ),
    ] = 1,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that make data, per training process.")
    ] = 1,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Random seed of initialisation and data.")] = 0,
    name: Annotated[str, typer.Option(help="Name of the new baseline.")] = "abair-small",
    licence: Annotated[str, typer.Option(help="Licence recorded in the weights' files.")] = "",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a field of the phase: FIELD=VALUE or mix.FIELD=VALUE."),
    ] = None,
) -> None:
    """Train a phase of ABAIR. Run the same command again to continue an interrupted training."""
    need_matplotlib()
    from model.cli.training_output import ConsoleListener
    from model.evaluation.wide import read_held_out
    from model.training.options import TrainingOptions
    from model.training.train import train as train_phase

    options = TrainingOptions(
        what=what,
        data=data,
        run=run,
        val=() if val is None else (val,),
        without=frozenset() if hold_out is None else usage(read_held_out, hold_out, data),
        weights=weights,
        command=f"abair train {what}",
        preset=preset,
        hours=hours,
        steps=steps,
        rank=rank,
        train_rank=train_rank,
        init=init,
        processes=processes,
        workers=workers,
        device=device,
        seed=seed,
        overrides=tuple(overrides or ()),
        name=name,
        licence=licence,
    )
    with ConsoleListener() as listener:
        done = usage(train_phase, options, listener)
    if not done:
        typer.echo("stopped before the end; run the same command again to continue", err=True)
        raise typer.Exit(3)
