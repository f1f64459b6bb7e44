"""Commands and their options; what they do is in the modules beside this one."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, ParamSpec, TypeVar

import typer

if TYPE_CHECKING:
    from model.restorer import Restorer

P = ParamSpec("P")
T = TypeVar("T")

app = typer.Typer(
    name="abair",
    help="See what is wrong with a photograph, and remove it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
adapters_app = typer.Typer(help="The low-rank adapters, one a degradation.", no_args_is_help=True)
app.add_typer(adapters_app, name="adapter")

Weights = Annotated[
    Path | None, typer.Option("--weights", help="Folder of weights; without it the bundled ones.")
]


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A picture, or a folder of them.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A picture, or a folder.")],
    adapters: Annotated[
        str,
        typer.Option(help="auto (soft blend), top (one), none (baseline), or rain:0.8,noise:0.2."),
    ] = "auto",
    strength: Annotated[float, typer.Option(min=0, max=1, help="Blend of input and output.")] = 1.0,
    blend: Annotated[
        Literal["image", "pixel"],
        typer.Option(help="One set of weights, or weights that vary over the picture."),
    ] = "image",
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG and WebP.")] = 92,
    tile: Annotated[
        int, typer.Option(min=64, help="Pictures above tile x tile pixels are cut into tiles.")
    ] = 1024,
    write_map: Annotated[
        bool, typer.Option("--map", help="Write the degradation map too, as OUT.map.png.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Append a line of JSON for each picture to this file.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Restore again what is already in OUT.")
    ] = False,
    weights: Weights = None,
) -> None:
    """Restore a picture, or every picture of a folder and its subfolders.

    A picture that is already in OUT is skipped, so that an interrupted run goes on where it was.
    EXIF and colour profile are kept; the orientation is applied.
    """
    from model.cli import restoring

    options = restoring.Options(
        adapters=_usage(restoring.parse_adapters, adapters),
        strength=strength,
        blend=blend,
        quality=quality,
        tile=tile,
        write_map=write_map,
        report=report,
        overwrite=overwrite,
    )
    jobs = _usage(restoring.plan, source, target, options)
    failures = restoring.run(lambda: _load(weights), jobs, options)
    raise typer.Exit(1 if failures else 0)


@app.command()
def evaluate(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Holds TASK/degraded/* and TASK/clean/*.")
    ] = None,
    mode: Annotated[
        list[str] | None, typer.Option(help="none, auto, top or oracle; all without it.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many pictures a task.")] = None,
    map_pairs: Annotated[
        Path | None,
        typer.Option(help="Folder of clean pictures to degrade; prints the map's mean IoU."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures made for --map-pairs.")] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    weights: Weights = None,
) -> None:
    """Measure PSNR and SSIM of pairs, or mean IoU of the map on pictures degraded here."""
    from model.cli import evaluating

    if folder is None and map_pairs is None:
        raise typer.BadParameter("give DIR, --map-pairs, or both")
    _usage(
        evaluating.run,
        lambda: _load(weights),
        evaluating.Options(folder, tuple(mode or ()), limit, map_pairs, count, as_json),
    )


@app.command()
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
        Path, typer.Option(help="Holds clean/, depth/ and pairs/ as docs/training.md says.")
    ],
    run: Annotated[
        Path, typer.Option(help="Folder of checkpoint and logs; an existing run goes on.")
    ],
    weights: Annotated[Path, typer.Option(help="Folder of weights to read from and write to.")],
    val: Annotated[
        Path | None, typer.Option(help="Holds TASK/degraded/* and TASK/clean/*.")
    ] = None,
    hours: Annotated[float | None, typer.Option(help="Budget in hours of training.")] = None,
    steps: Annotated[int | None, typer.Option(help="Budget in steps, instead of hours.")] = None,
    preset: Annotated[str, typer.Option(help="Sizes of a new baseline: small or large.")] = "small",
    rank: Annotated[int, typer.Option(min=1, help="Of a new adapter.")] = 4,
    init: Annotated[Path | None, typer.Option(help="Weights a new baseline starts from.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make data.")] = 1,
    seed: Annotated[int, typer.Option(help="Of initialisation and data.")] = 0,
    name: Annotated[str, typer.Option(help="Of a new baseline.")] = "abair-small",
    licence: Annotated[str, typer.Option(help="Terms of the weights, told in their files.")] = "",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="FIELD=VALUE or mix.FIELD=VALUE of the phase.")
    ] = None,
) -> None:
    """Train a phase of ABAIR; interrupted, the same command goes on where it was."""
    from model.cli import training

    options = training.Options(
        what=what,
        data=data,
        run=run,
        val=val,
        weights=weights,
        preset=preset,
        hours=hours,
        steps=steps,
        rank=rank,
        init=init,
        workers=workers,
        seed=seed,
        overrides=tuple(overrides or ()),
        name=name,
        licence=licence,
    )
    if not _usage(training.run, options):
        typer.echo("stopped before the end; give the same command again to go on", err=True)
        raise typer.Exit(3)


@adapters_app.command("list")
def list_adapters(weights: Weights = None) -> None:
    """List the resident adapters in the order of their weights."""
    from rich.console import Console

    from model.cli.tables import adapter_table

    restorer = _load(weights)
    Console().print(adapter_table(restorer.adapters))


def _load(weights: Path | None) -> "Restorer":
    """Load the restorer, or end with its complaint instead of a traceback."""
    import model

    return _usage(model.load) if weights is None else _usage(model.load, weights)


def _usage(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``function``; what it finds wrong with its input is shown as a usage error."""
    try:
        return function(*args, **kwargs)
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
