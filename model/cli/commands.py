"""The commands ``restore`` and ``evaluate`` with their options, and all commands together."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from model.cli.adapter_commands import adapters_app
from model.cli.common import (
    Device,
    Weights,
    examples,
    lift_pixel_limit,
    load,
    need_matplotlib,
    usage,
)
from model.cli.training_commands import register_training

if TYPE_CHECKING:
    from model.restoring.restorer import Restorer

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
        "abair restore holiday/ small/ --format webp --quality 80 --dry-run",
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
    output_format: Annotated[
        Literal["png", "jpeg", "webp", "avif", "jxl", "tiff", "bmp"] | None,
        typer.Option("--format", help="Format to write. Default: what OUT names, else IN's."),
    ] = None,
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
    device: Device = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads that compute. Default: one per core.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be restored, and to where.")
    ] = False,
    weights: Weights = None,
) -> None:
    """Restore a picture, or every picture of a folder and its subfolders.

    The tree of the folder is kept. A picture that is already in OUT is skipped, so an interrupted
    run continues where it was. A picture that can't be read is reported and left out. A file keeps
    its format unless OUT or --format names another; HEIC becomes JPEG. 16 bits, transparency, EXIF,
    XMP and colour profile are kept. The orientation is applied.
    """
    lift_pixel_limit()
    from model.cli import engines, progress, restoring
    from model.restoring.wishes import parse_names

    restorer = cache(lambda: _load_on(weights, device, threads))
    options = restoring.FileOptions(
        adapters=_wish(adapters, restorer),
        keep=parse_names(keep),
        strength=strength,
        blend=blend,
        quality=quality,
        metadata=metadata,
        tile=tile,
        format=output_format,
        write_map=write_map,
        report=report,
        overwrite=overwrite,
    )
    if engine == "ray" and (device != "auto" or threads is not None):
        raise typer.BadParameter("--device and --threads are for --engine local: leave them out")
    here = engines.in_this_process(restorer)
    place = usage(engines.on_ray, weights, workers) if engine == "ray" else here
    jobs = usage(restoring.pending_jobs, source, target, options)
    there = len(restoring.find_jobs(source, target, output_format)) - len(jobs)
    progress.name_unread(restoring.unread_of(source, target))
    if jobs:
        usage(options.removal.check, restorer().network)
    if dry_run:
        progress.list_files(jobs, there=there)
        return
    try:
        failures = progress.restore_files(place, jobs, options, there=there)
    except KeyboardInterrupt:
        typer.echo("stopped; run the same command again to continue", err=True)
        raise typer.Exit(130) from None
    raise typer.Exit(1 if failures else 0)


def _wish(text: str, restorer: Callable[[], "Restorer"]) -> str | dict[str, float]:
    """Parse what is to be removed; a usage error names what can be asked for."""
    from model.restoring.wishes import parse_wish

    try:
        return parse_wish(text)
    except ValueError as error:
        names = ", ".join(restorer().askable)
        raise typer.BadParameter(f"--adapters: {error}; the names are {names}") from error


def _load_on(weights: Path | None, device: str, threads: int | None) -> "Restorer":
    """Load the restorer on a device; what can't be used is a usage error."""
    import torch

    from model.precision import choose_device

    chosen = usage(choose_device, device)
    if threads is not None:
        torch.set_num_threads(threads)
    return load(weights).to(chosen)


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

    lift_pixel_limit()
    if folder is None and map_pairs is None:
        raise typer.BadParameter("give DIR, --map-pairs, or both")
    if gallery is not None and report is None:
        raise typer.BadParameter("--gallery is shown on the page of --report: give both options")
    if report is not None and mode:
        raise typer.BadParameter("--report compares all modes: leave out --mode")
    if report is not None and map_pairs is not None:
        need_matplotlib()
    usage(
        evaluating.evaluate,
        lambda: load(weights),
        evaluating.EvaluationOptions(
            folder, tuple(mode or ()), limit, map_pairs, count, as_json, report, gallery
        ),
    )


register_training(app)
