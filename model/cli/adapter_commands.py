"""``abair adapter``: make, train, install and remove the adapter of a degradation."""

from pathlib import Path
from typing import Annotated

import typer

from model.cli.common import Device, Weights, examples, load, need_matplotlib, usage

adapters_app = typer.Typer(
    help="Low-rank adapters, one per degradation: make, train and install your own.",
    epilog=examples(
        "abair adapter new dust",
        "abair adapter preview dust photo.jpg --out grid.png",
        "abair adapter train dust --data DATA --hours 0.4",
        "abair adapter add dust --weights weights",
        "abair adapter list --weights weights",
        "abair serve --model-path weights",
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Folder made by `abair adapter new`.")
]
Folders = Annotated[
    list[Path], typer.Argument(metavar="FOLDER...", help="Folders made by `abair adapter new`.")
]
Target = Annotated[
    Path,
    typer.Option("--weights", help="Folder of weights to change."),
]


@adapters_app.command(epilog=examples("abair adapter new dust", "abair adapter new work/dust"))
def new(
    folder: Annotated[
        Path,
        typer.Argument(metavar="NAME", help="The adapter's name, or a path that ends with it."),
    ],
) -> None:
    """Make the folder of a new adapter, with a working example of a degradation.

    Folders named snow, jpeg or bitdepth use the built-in code that makes this damage. Any other
    name gets an example to edit: degradation.py makes the damage, adapter.toml holds name and rank
    of the adapter, README.md becomes its model card.
    """
    from model.cli.previewing import make_folder

    usage(make_folder, folder)
    typer.echo(f"{folder}: degradation.py, adapter.toml, README.md")
    typer.echo(f"next: abair adapter preview {folder} --out {folder / 'preview.png'}")


@adapters_app.command(
    epilog=examples(
        "abair adapter preview dust photo.jpg --out grid.png",
        "abair adapter preview dust photos/*.jpg --out grid.png --side 384",
    )
)
def preview(
    folder: Folder,
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PICTURE]...", help="Clean pictures. Default: a generated scene."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Picture to write.")] = Path("preview.png"),
    side: Annotated[
        int, typer.Option(min=16, help="Longest side of each picture in the grid, in pixels.")
    ] = 256,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
) -> None:
    """Show a degradation: clean pictures beside their degraded copies, at five severities.

    It also checks the code: severity 0 must change nothing, equal seeds must give equal pictures.
    """
    from rich.console import Console

    from model.cli import previewing
    from model.cli.tables import preview_table
    from model.training.workspace import read_workspace

    space = usage(read_workspace, folder)
    seen = usage(previewing.preview, space.degradation, pictures or [], out, side=side, seed=seed)
    Console().print(preview_table(seen))
    typer.echo(f"{out}: look at it; next: abair adapter train {folder} --smoke")


@adapters_app.command(
    epilog=examples(
        "abair adapter train dust --smoke",
        "abair adapter train dust --data DATA --hours 0.4",
        "abair adapter train dust scratches --data DATA --val VAL --hours 0.4",
        ending="Exit codes: 0 trained, 2 wrong usage, 3 stopped: run the same command again to "
        "continue.",
    )
)
def train(
    folders: Folders,
    data: Annotated[
        Path | None, typer.Option(help="Folder with clean/, and with pairs/NAME/ for real pairs.")
    ] = None,
    val: Annotated[
        Path | None,
        typer.Option(
            help="Folder with TASK/degraded/* and TASK/clean/*. A task whose name starts with NAME "
            "measures the gain."
        ),
    ] = None,
    weights: Weights = None,
    init: Annotated[
        Path | None,
        typer.Option(help="Weights whose adapters to start from; they may be of another baseline."),
    ] = None,
    hours: Annotated[float, typer.Option(min=0.0, help="Training hours per adapter.")] = 0.4,
    estimator_hours: Annotated[
        float | None,
        typer.Option(min=0.0, help="Training hours of the estimator. Default: half of --hours."),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make data.")] = 1,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Random seed of initialisation and data.")] = 0,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a field of phase II: FIELD=VALUE or mix.FIELD=VALUE."),
    ] = None,
    smoke: Annotated[
        bool,
        typer.Option("--smoke", help="Try the whole chain in a minute, on generated pictures."),
    ] = False,
) -> None:
    """Train new adapters, then train the estimator again so that it knows them.

    The baseline and all older adapters do not change. The result is written to FOLDER/weights, from
    where `abair adapter add` installs it; with --smoke to FOLDER/smoke. If --val has no task for
    the adapter, some clean pictures are kept out of the training to measure the gain on. Several
    folders share one training of the estimator and must be added together.
    """
    need_matplotlib()
    from model.cli.training_output import ConsoleListener
    from model.storage import checkpoint
    from model.training.new_adapters import NewAdapterOptions, train_adapters
    from model.training.workspace import read_workspace

    options = NewAdapterOptions(
        data=data,
        val=val,
        weights=weights or checkpoint.BUNDLED,
        init=init,
        hours=hours,
        estimator_hours=hours / 2 if estimator_hours is None else estimator_hours,
        workers=workers,
        device=device,
        seed=seed,
        overrides=tuple(overrides or ()),
        smoke=smoke,
    )
    spaces = [usage(read_workspace, folder, smoke=smoke) for folder in folders]
    with ConsoleListener() as listener:
        trained = usage(train_adapters, spaces, options, listener)
    if trained is None:
        typer.echo("stopped before the end; run the same command again to continue", err=True)
        raise typer.Exit(3)
    for adapter in trained:
        typer.echo(f"{adapter.name}: {adapter.gain_db:+.2f} dB over the input on its own pictures")
    named = " ".join(map(str, folders))
    typer.echo(f"next: abair adapter add {named} --weights weights{' --smoke' if smoke else ''}")


@adapters_app.command(
    epilog=examples(
        "abair adapter add dust --weights weights",
        "abair adapter add dust scratches --weights weights",
        ending="A running service uses the adapter after a restart or a reload.",
    )
)
def add(
    folders: Folders,
    weights: Target,
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke", help="Install the result of `train --smoke`, only to try the next steps."
        ),
    ] = False,
) -> None:
    """Install trained adapters and their estimator into a folder of weights, after checks.

    If the folder of weights does not exist, it is created as a copy of the bundled weights. Before
    anything is changed, the command checks rank, shapes, finite numbers, the sha256 of the baseline
    and of the older adapters, and that a gain was measured. The code of the degradation is not
    installed, because the service never needs it.
    """
    from rich.console import Console

    from model.cli.tables import adapter_table
    from model.storage import adapter_store
    from model.training.workspace import read_workspace

    spaces = [usage(read_workspace, folder, smoke=smoke) for folder in folders]
    sources, begun = [space.weights for space in spaces], not weights.exists()
    installed = usage(adapter_store.install, weights, sources, measured=not smoke)
    if begun:
        typer.echo(f"{weights}: begun as a copy of the bundled weights")
    Console().print(adapter_table(installed))
    typer.echo(f"next: abair serve --model-path {weights}")


@adapters_app.command("list", epilog=examples("abair adapter list --weights weights"))
def list_adapters(weights: Weights = None) -> None:
    """List the installed adapters in the order of their weights."""
    from rich.console import Console

    from model.cli.tables import adapter_table

    restorer = load(weights)
    Console().print(adapter_table(restorer.adapters))


@adapters_app.command(epilog=examples("abair adapter remove dust --weights weights"))
def remove(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name that `abair adapter list` shows.")
    ],
    weights: Target,
) -> None:
    """Remove an adapter from a folder of weights, and its output from the estimator.

    The weights of the other adapters keep their ratios.
    """
    from model.storage import adapter_store

    usage(adapter_store.remove, weights, name)
    typer.echo(f"{weights}: {name} is gone")
