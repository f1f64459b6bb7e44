"""Commands and their options; what they do is in the modules beside this one."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from model.cli.adapter_commands import adapters_app
from model.cli.common import Device, Weights, examples, load, need_matplotlib, usage

app = typer.Typer(
    name="abair",
    help="See what is wrong with a photograph, and remove it.",
    epilog=examples(
        "abair restore holiday/ better/",
        "abair serve --port 9000",
        "abair doctor",
        ending="Exit codes: 0 done, 1 something failed, 2 wrong usage, 3 stopped before the end, "
        "130 interrupted. Shell completion: abair --install-completion.",
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.add_typer(adapters_app, name="adapter")


@app.command(
    epilog=examples(
        "abair restore rainy.jpg better.jpg",
        "abair restore holiday/ better/ --report report.jsonl --map",
        "abair restore archive/ better/ --engine ray --workers 16",
        "abair restore dark.png out.png --adapters lowlight:1,noise:0.3 --strength 0.8",
        ending="Exit codes: 0 all restored, 1 some pictures failed, 2 wrong usage, "
        "130 interrupted: the same command goes on.",
    )
)
def restore(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A picture, or a folder of them.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A picture, or a folder.")],
    adapters: Annotated[
        str,
        typer.Option(help="auto (soft blend), top (one), none (baseline), or rain:0.8,noise:0.2."),
    ] = "auto",
    strength: Annotated[float, typer.Option(min=0, max=1, help="Blend of input and output.")] = 1.0,
    quality: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Of JPEG, WebP, AVIF; 92, or 100 of lossless WebP."),
    ] = None,
    metadata: Annotated[
        Literal["keep", "strip", "no-gps"],
        typer.Option(help="EXIF, XMP and ICC profile: keep, strip (sRGB then), no-gps."),
    ] = "keep",
    blend: Annotated[
        Literal["image", "pixel"],
        typer.Option(help="One set of weights, or weights that vary over the picture."),
    ] = "image",
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
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(help="In this process, or on the Ray cluster of RAY_ADDRESS or of its own."),
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Of the Ray engine; without it one a core.")
    ] = None,
    weights: Weights = None,
) -> None:
    """Restore a picture, or every picture of a folder and its subfolders.

    A folder's tree is kept. A picture that is already in OUT is skipped, so that an interrupted run
    goes on where it was; one that can't be read is told and left out. A file keeps its kind, unless
    OUT names another, and HEIC becomes JPEG; 16 bits, transparency, EXIF, XMP and colour profile
    are kept; the orientation is applied.
    """
    from model.cli import engines, progress, restoring

    options = restoring.Options(
        adapters=usage(restoring.parse_adapters, adapters),
        strength=strength,
        blend=blend,
        quality=quality,
        metadata=metadata,
        tile=tile,
        write_map=write_map,
        report=report,
        overwrite=overwrite,
    )
    jobs = usage(restoring.plan, source, target, options)
    there = len(restoring.find_jobs(source, target)) - len(jobs)
    if engine == "ray":
        place = usage(engines.on_ray, weights, workers)
    else:
        place = engines.here(lambda: load(weights))
    try:
        failures = progress.run(place, jobs, options, there=there)
    except KeyboardInterrupt:
        typer.echo("stopped; give the same command again to go on", err=True)
        raise typer.Exit(130) from None
    raise typer.Exit(1 if failures else 0)


@app.command(
    epilog=examples(
        "abair evaluate PAIRS",
        "abair evaluate PAIRS --mode none --mode auto --json",
        "abair evaluate --map-pairs clean/ --count 40",
        "abair evaluate PAIRS --map-pairs clean/ --gallery ours/ --report evaluation.md",
        ending="Exit codes: 0 measured, 2 wrong usage.",
    )
)
def evaluate(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Holds TASK/degraded/* and TASK/clean/*.")
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            help="none, auto, top, oracle, sum, average or pixel; without it the first four."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many pictures a task.")] = None,
    map_pairs: Annotated[
        Path | None,
        typer.Option(help="Folder of clean pictures to degrade; prints the map's mean IoU."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures made for --map-pairs.")] = 40,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Page to write, Markdown: the scores, sums and averages of the adapters, the "
            "worst pictures; with --map-pairs mixtures, CutMix, mild noise, JPEG, "
            "4 bits, snow and curves over severity too."
        ),
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option(help="Folder of clean pictures to degrade and show beside the page."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    weights: Weights = None,
) -> None:
    """Measure PSNR and SSIM of pairs, or mean IoU of the map on pictures degraded here."""
    from model.cli import evaluating

    if folder is None and map_pairs is None:
        raise typer.BadParameter("give DIR, --map-pairs, or both")
    if gallery is not None and report is None:
        raise typer.BadParameter("--gallery is shown on the page of --report: give both")
    if report is not None and mode:
        raise typer.BadParameter("--report compares all modes: leave --mode out")
    if report is not None and map_pairs is not None:
        need_matplotlib()
    usage(
        evaluating.run,
        lambda: load(weights),
        evaluating.Options(
            folder, tuple(mode or ()), limit, map_pairs, count, as_json, report, gallery
        ),
    )


@app.command(
    epilog=examples(
        "abair train baseline --data DATA --run runs/base --weights weights --hours 3",
        "abair train rain --data DATA --run runs/rain --weights weights --hours 0.33",
        "abair train estimator --data DATA --run runs/estimator --weights weights --hours 0.2",
        ending="Exit codes: 0 trained, 2 wrong usage, 3 stopped: the same command goes on. A "
        "degradation that isn't one of the five: abair adapter train.",
    )
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
    train_rank: Annotated[
        int | None,
        typer.Option(min=1, help="Of a new adapter while it trains; cut to --rank at the end."),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(help="Weights to begin with; an adapter's may be of another baseline."),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(min=1, help="That train together: one a core where other programs run too."),
    ] = 1,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that make data, for each that trains.")
    ] = 1,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Of initialisation and data.")] = 0,
    name: Annotated[str, typer.Option(help="Of a new baseline.")] = "abair-small",
    licence: Annotated[str, typer.Option(help="Terms of the weights, told in their files.")] = "",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="FIELD=VALUE or mix.FIELD=VALUE of the phase.")
    ] = None,
) -> None:
    """Train a phase of ABAIR; interrupted, the same command goes on where it was."""
    need_matplotlib()
    from model.cli import training
    from model.cli.preparing import Options

    options = Options(
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
    if not usage(training.run, options):
        typer.echo("stopped before the end; give the same command again to go on", err=True)
        raise typer.Exit(3)
