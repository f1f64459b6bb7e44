"""What ``abair evaluate`` does: measure, then print tables or JSON."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from model.cli import reporting
from model.cli.tables import map_table, score_table
from model.config import Degradation
from model.degradations import DEGRADATIONS
from model.evaluation import (
    LATER,
    MILD,
    MIXTURES,
    MODES,
    MapScore,
    Mix,
    Score,
    average,
    degraded_by,
    evaluate_maps,
    evaluate_pictures,
    evaluate_task,
    five_task_average,
    kind_of,
    mixed_pictures,
    over_each_other,
    share_seen_right,
)
from model.evaluation.control import Control, evaluate_control
from model.evaluation.curves import Curves, measure_curves, plot_curves
from model.evaluation.gallery import draw_gallery
from model.pictures.folders import find_pairs, read_rgb
from model.restoring.photographs import as_planes
from model.restoring.restorer import Restorer

CURVE_COUNT = 8
"""Most pictures at each severity of a curve: there are forty such points."""


@dataclass(frozen=True)
class EvaluationOptions:
    """What to measure.

    Attributes:
        folder: Pairs, or None.
        modes: Ways to choose adapters; empty for all.
        limit: Most pictures per task, or None.
        map_pairs: Clean pictures to make maps' pictures of, or None.
        count: Number of those, of each mix.
        as_json: Print JSON instead of tables.
        report: Page to write with all there is to measure, or None.
        gallery: Clean pictures that may be shown on it, or None.
    """

    folder: Path | None
    modes: tuple[str, ...]
    limit: int | None
    map_pairs: Path | None
    count: int
    as_json: bool
    report: Path | None = None
    gallery: Path | None = None


def evaluate(load: Callable[[], Restorer], options: EvaluationOptions) -> None:
    """Measure what ``options`` ask for with a restorer of ``load``, and print it.

    Raises:
        ValueError: If a folder isn't laid out as it should be, or a mode is unknown.
    """
    restorer = load()
    progress = Progress(console=Console(stderr=True), transient=True)
    with progress:
        scores = _scores(restorer, options, progress)
        maps = _maps(restorer, options, progress)
        if options.report is not None:
            _report(restorer, options, scores, maps, progress)
    if options.as_json:
        answer = {
            "model": {"name": restorer.info.name, "sha256": restorer.info.sha256},
            "scores": [asdict(score) for score in scores],
            "maps": {mix: asdict(score) for mix, score in maps.items()},
        }
        Console(soft_wrap=True, highlight=False).print(json.dumps(answer, indent=1), markup=False)
        return
    console = Console()
    if scores:
        console.print(score_table(scores))
    for mix, score in maps.items():
        about = f"degradation map, {mix}: mean IoU {score.mean_iou:.3f} over {score.count} pictures"
        console.print(about, soft_wrap=True)
        console.print(map_table(score))


def _scores(restorer: Restorer, options: EvaluationOptions, progress: Progress) -> list[Score]:
    """Score every task of the folder, then the five-task average."""
    if options.folder is None:
        return []
    scores: list[Score] = []
    for task, pairs in find_pairs(options.folder, limit=options.limit).items():
        bar = progress.add_task(task, total=len(pairs))
        scores += evaluate_task(
            restorer,
            task,
            pairs,
            modes=options.modes or ((*MODES, "sum", "average") if options.report else MODES),
            advance=partial(progress.advance, bar),
        )
    return scores + five_task_average(scores)


def _report(
    restorer: Restorer,
    options: EvaluationOptions,
    scores: list[Score],
    maps: dict[str, MapScore],
    progress: Progress,
) -> None:
    """Measure what the page tells beside the scores, and write it."""
    assert options.report is not None
    pairs = {} if options.folder is None else find_pairs(options.folder, limit=options.limit)
    mixtures: list[Score] = []
    made: dict[str, list[Score]] = {}
    beside: list[Score] = []
    curves: list[Curves] = []
    control: list[Control] = []
    clean, modes = options.map_pairs, tuple(mode for mode in MODES if mode != "oracle")
    if clean is not None:
        for kinds in progress.track(MIXTURES, description="mixtures"):
            pictures = over_each_other(clean, kinds, options.count)
            mixtures += evaluate_pictures(restorer, "+".join(kinds), pictures, modes=modes)
        mixtures += average(mixtures, "average")
        made = {
            title: evaluate_pictures(
                restorer, title, degraded_by(clean, kind, severity, options.count)
            )
            for title, kind, severity in progress.track((MILD, *LATER), description="single ones")
        }
        beside = evaluate_pictures(
            restorer,
            "cutmix",
            ((one.degraded, one.clean) for one in mixed_pictures(clean, options.count, Mix.CUTMIX)),
            modes=(*modes, "pixel"),
        )
        control = list(
            progress.track(
                evaluate_control(restorer, clean, options.count),
                total=len(Degradation) * (len(Degradation) - 1),
                description="asked and left",
            )
        )
        curves = [
            measure_curves(restorer, clean, degradation, min(options.count, CURVE_COUNT))
            for degradation in progress.track(DEGRADATIONS, description="from mild to severe")
        ]
    seen = {
        task: share_seen_right(
            partial(_labels, restorer),
            (as_planes(read_rgb(pair.degraded)) for pair in of_task),
            kind_of(task),
            restorer.classes,
        )
        for task, of_task in progress.track(pairs.items(), description="map of the pairs")
        if kind_of(task) in restorer.classes
    }
    shown = ""
    if options.gallery is not None:
        shown = f"{options.report.stem}.webp"
        draw_gallery(restorer, options.gallery).save(options.report.with_name(shown), quality=85)
    plot = ""
    if curves:
        plot = f"{options.report.stem}-curves.webp"
        plot_curves(curves, options.report.with_name(plot))
    report = reporting.Report(
        model=restorer.info,
        scores=scores,
        stems={task: [pair.clean.stem for pair in of_task] for task, of_task in pairs.items()},
        mixtures=mixtures,
        mild=made.pop(MILD[0], []),
        later=[score for scores in made.values() for score in scores],
        beside=beside,
        control=control,
        seen=seen,
        maps=maps,
        gallery=shown,
        curves=curves,
        plot=plot,
    )
    command = (
        f"abair evaluate PAIRS --map-pairs CLEAN --count {options.count} --gallery PICTURES "
        "--report FILE"
    )
    options.report.write_text(reporting.write(report, command), encoding="utf-8")


def _maps(
    restorer: Restorer, options: EvaluationOptions, progress: Progress
) -> dict[str, MapScore]:
    """Score the map on pictures of every mix."""
    if options.map_pairs is None:
        return {}
    scores = {}
    for mix in Mix:
        pictures = mixed_pictures(options.map_pairs, options.count, mix)
        tracked = progress.track(pictures, total=options.count, description=f"map, {mix}")
        scores[str(mix)] = evaluate_maps(
            partial(_labels, restorer), tracked, restorer.config.classes
        )
    return scores


def _labels(restorer: Restorer, picture: Tensor) -> Tensor:
    return torch.from_numpy(restorer.degradation_map(picture))
