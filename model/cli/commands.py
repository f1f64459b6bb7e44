"""The commands ``restore``, ``evaluate`` and ``train`` with their options."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from model.cli.adapter_commands import adapters_app
from model.cli.common import Device, Weights, examples, load, need_matplotlib, usage

app = typer.Typer(
    name="abair",
    help="Find out what is wrong with a photograph, and remove it.",
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
        "130 interrupted: run the same command again to continue.",
    )
)
def restore(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A picture, or a folder of pictures.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The picture or folder to write.")],
    adapters: Annotated[
        str,
        typer.Option(
            help="What to remove: auto (everything found), top (only the strongest), amounts such "
            "as rain:0.8,noise:0.2, or none (everything found, by the base network alone)."
        ),
    ] = "auto",
    keep: Annotated[
        str, typer.Option(metavar="NAMES", help="Degradations that stay in the picture: haze,rain.")
    ] = "",
    strength: Annotated[
        float, typer.Option(min=0, max=1, help="0: the input; 1: fully restored.")
    ] = 1.0,
    quality: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            help="Quality of JPEG, WebP and AVIF. Default: 92; lossless WebP stays lossless.",
        ),
    ] = None,
    metadata: Annotated[
        Literal["keep", "strip", "no-gps"],
        typer.Option(
            help="keep: EXIF, XMP and ICC profile; no-gps: all but the location; strip: none of "
            "them, and the picture is converted to sRGB."
        ),
    ] = "keep",
    blend: Annotated[
        Literal["image", "pixel"],
        typer.Option(
            help="image: the same adapter weights everywhere; pixel: weights that follow the "
            "degradation map."
        ),
    ] = "image",
    tile: Annotated[
        int, typer.Option(min=64, help="Pictures above tile x tile pixels are cut into tiles.")
    ] = 1024,
    write_map: Annotated[
        bool, typer.Option("--map", help="Write the degradation map too, as OUT.map.png.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="File to which one line of JSON per picture is appended.")
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Restore again the pictures that are already in OUT."),
    ] = False,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            help="local: in this process; ray: on the Ray cluster that RAY_ADDRESS names, or on a "
            "new one on this machine."
        ),
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Number of Ray workers. Default: one per core of the cluster."),
    ] = None,
    weights: Weights = None,
) -> None:
    """Restore a picture, or every picture of a folder and its subfolders.

    The tree of the folder is kept. A picture that is already in OUT is skipped, so an interrupted
    run continues where it was. A picture that can't be read is reported and left out. A file keeps
    its format unless OUT names another; HEIC becomes JPEG. 16 bits, transparency, EXIF, XMP and
    colour profile are kept. The orientation is applied.
    """
    from model.cli import engines, progress, restoring
    from model.restoring.wishes import parse_names, parse_wish

    options = restoring.Options(
        adapters=usage(parse_wish, adapters),
        keep=parse_names(keep),
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
        typer.echo("stopped; run the same command again to continue", err=True)
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
        Path | None,
        typer.Argument(metavar="DIR", help="Folder with TASK/degraded/* and TASK/clean/*."),
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            help="Adapters: none, auto, top, oracle (the adapter of the task), sum, average or "
            "pixel. Repeat for several. Default: the first four."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most pictures per task.")] = None,
    map_pairs: Annotated[
        Path | None,
        typer.Option(help="Folder of clean pictures; they are degraded, and the map is scored."),
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, help="Number of pictures made for --map-pairs.")
    ] = 40,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Markdown page to write, with the scores, sums and averages of the adapters and "
            "the worst pictures. With --map-pairs it also has mixtures, CutMix, mild noise, JPEG, "
            "4 bits, snow and curves over severity."
        ),
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option(
            help="Folder of clean pictures; they are degraded and shown on the page of --report."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    weights: Weights = None,
) -> None:
    """Measure PSNR and SSIM of pairs, or mean IoU of the map.

    For the map, clean pictures are degraded by this command.
    """
    from model.cli import evaluating

    if folder is None and map_pairs is None:
        raise typer.BadParameter("give DIR, --map-pairs, or both")
    if gallery is not None and report is None:
        raise typer.BadParameter("--gallery is shown on the page of --report: give both options")
    if report is not None and mode:
        raise typer.BadParameter("--report compares all modes: leave out --mode")
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
        ending="Exit codes: 0 trained, 2 wrong usage, 3 stopped: run the same command again to "
        "continue. For a degradation that isn't one of the five, use abair adapter train.",
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
