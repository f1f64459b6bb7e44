"""The command ``train`` with its options."""

from pathlib import Path
from typing import Annotated

import typer

from model.cli.common import Device, examples, lift_pixel_limit, need_matplotlib, usage

EPILOG = examples(
    "abair train baseline --data DATA --run runs/base --weights weights --hours 3",
    "abair train rain --data DATA --run runs/rain --weights weights --hours 0.33",
    "abair train estimator --data DATA --run runs/estimator --weights weights --hours 0.2",
    ending="Exit codes: 0 trained, 2 wrong usage, 3 stopped: run the same command again to "
    "continue. For a degradation that isn't one of the five, use abair adapter train.",
)


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
    lift_pixel_limit()
    from model.cli.training_output import ConsoleListener
    from model.training.options import TrainingOptions
    from model.training.train import train as train_phase

    options = TrainingOptions(
        what=what,
        data=data,
        run=run,
        val=() if val is None else (val,),
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
