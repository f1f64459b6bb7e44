"""``abair adapter``: from an idea of a degradation to an adapter that is served."""

from pathlib import Path
from typing import Annotated

import typer

from model.cli.common import Device, Weights, examples, load, need_matplotlib, usage

adapters_app = typer.Typer(
    help="Low-rank adapters, one a degradation: make, train and install your own.",
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

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="As `abair adapter new` made it.")]
Folders = Annotated[
    list[Path], typer.Argument(metavar="FOLDER...", help="As `abair adapter new` made them.")
]
Target = Annotated[
    Path,
    typer.Option("--weights", help="Folder of weights to change."),
]


@adapters_app.command(
    epilog=examples("abair adapter new dust", "abair adapter new experiments/dust")
)
def new(
    folder: Annotated[
        Path,
        typer.Argument(metavar="NAME", help="The adapter's name, or a path that ends with it."),
    ],
) -> None:
    """Make the folder of a new adapter, with a degradation that runs as it is.

    snow, jpeg and bitdepth are built in: their folders take abair's own degradation. Any other name
    gets a small example to change: degradation.py says how pictures are damaged, adapter.toml what
    the adapter is called, README.md becomes its model card.
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
        typer.Argument(metavar="[PICTURE]...", help="Clean pictures; without, a made-up scene."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Picture to write.")] = Path("preview.png"),
    side: Annotated[
        int, typer.Option(min=16, help="Most pixels shown of a picture, a side.")
    ] = 256,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
) -> None:
    """Show a degradation: clean pictures beside their degraded copies, at five severities.

    It is also tried: severity 0 must change nothing, equal seeds must give equal pictures.
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
        ending="Exit codes: 0 trained, 2 wrong usage, 3 stopped: the same command goes on.",
    )
)
def train(
    folders: Folders,
    data: Annotated[
        Path | None, typer.Option(help="Holds clean/, and pairs/NAME/ if there are real ones.")
    ] = None,
    val: Annotated[
        Path | None,
        typer.Option(help="Holds TASK/degraded/* and TASK/clean/*; a task NAME... measures it."),
    ] = None,
    weights: Weights = None,
    init: Annotated[
        Path | None,
        typer.Option(help="Weights whose adapters to begin with, maybe of another baseline."),
    ] = None,
    hours: Annotated[float, typer.Option(min=0.0, help="Budget of each adapter, hours.")] = 0.4,
    estimator_hours: Annotated[
        float | None, typer.Option(min=0.0, help="Budget of the estimator; without, half of that.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make data.")] = 1,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Of initialisation and data.")] = 0,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="FIELD=VALUE or mix.FIELD=VALUE of phase II.")
    ] = None,
    smoke: Annotated[
        bool,
        typer.Option("--smoke", help="Only prove the chain: a minute, tiny, on made-up pictures."),
    ] = False,
) -> None:
    """Train new adapters, and the estimator again so that it knows them.

    The baseline and all older adapters stay as they are. What is trained goes into FOLDER/weights,
    for `abair adapter add`; with --smoke into FOLDER/smoke. Without a task of its name in --val,
    some clean pictures are kept from training to measure the gain on. Several folders share one
    training of the estimator, and have to be added together.
    """
    need_matplotlib()
    from model import checkpoint
    from model.cli import adapting
    from model.training.workspace import read_workspace

    plan = adapting.Plan(
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
    trained = usage(adapting.run, spaces, plan)
    if trained is None:
        typer.echo("stopped before the end; give the same command again to go on", err=True)
        raise typer.Exit(3)
    for adapter in trained:
        typer.echo(f"{adapter.name}: {adapter.gain_db:+.2f} dB over the input on its own pictures")
    named = " ".join(map(str, folders))
    typer.echo(f"next: abair adapter add {named} --weights weights{' --smoke' if smoke else ''}")


@adapters_app.command(
    epilog=examples(
        "abair adapter add dust --weights weights",
        "abair adapter add dust scratches --weights weights",
        ending="A running service takes it up when it is started again, or reloads.",
    )
)
def add(
    folders: Folders,
    weights: Target,
    smoke: Annotated[
        bool,
        typer.Option("--smoke", help="Install what `train --smoke` made: a proof, of no use."),
    ] = False,
) -> None:
    """Install trained adapters and their estimator into a folder of weights, after checks.

    A folder that isn't there yet is begun as a copy of the bundled weights. Checked before anything
    is changed: rank, shapes, finite numbers, the baseline's sha256, the older adapters' sha256, a
    measured gain. The degradation's code stays where it is: no service needs it.
    """
    from rich.console import Console

    from model import installing
    from model.cli.tables import adapter_table
    from model.training.workspace import read_workspace

    spaces = [usage(read_workspace, folder, smoke=smoke) for folder in folders]
    sources, begun = [space.weights for space in spaces], not weights.exists()
    installed = usage(installing.install, weights, sources, measured=not smoke)
    if begun:
        typer.echo(f"{weights}: begun as a copy of the bundled weights")
    Console().print(adapter_table(installed))
    typer.echo(f"next: abair serve --model-path {weights}")


@adapters_app.command("list", epilog=examples("abair adapter list --weights weights"))
def list_adapters(weights: Weights = None) -> None:
    """List the resident adapters in the order of their weights."""
    from rich.console import Console

    from model.cli.tables import adapter_table

    restorer = load(weights)
    Console().print(adapter_table(restorer.adapters))


@adapters_app.command(epilog=examples("abair adapter remove dust --weights weights"))
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `abair adapter list` tells.")],
    weights: Target,
) -> None:
    """Take an adapter out of a folder of weights; the estimator forgets it.

    The other adapters keep their weights among themselves.
    """
    from model import installing

    usage(installing.remove, weights, name)
    typer.echo(f"{weights}: {name} is gone")
