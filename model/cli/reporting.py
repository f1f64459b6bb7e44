"""Write the page of ``abair evaluate --report``: scores, curves, the map, and failures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from model.evaluation import MODES, OTHER_MODES, SEVERITIES, MapScore, Score
from model.evaluation.control import Control
from model.evaluation.curves import Curves
from model.model_info import ModelInfo

COLUMNS = ("input", *MODES, *OTHER_MODES)
PAPER = (
    ("Rain100L", "37.73"),
    ("SOTS outdoor", "33.46"),
    ("BSD68, sigma 25", "31.38"),
    ("GoPro", "29.00"),
    ("LOLv1", "24.20"),
)
"""PSNR of ABAIR's one-hot selection, first version of the paper, table 1."""

_BESIDE = (
    "Pictures made with CutMix. `pixel` is `auto` with weights that follow the degradation map.\n\n"
)


@dataclass(frozen=True)
class Report:
    """All that was measured.

    Attributes:
        model: What was measured.
        scores: Of the pairs, with their average.
        stems: Of each task's pictures, in the order of ``Score.each``.
        mixtures: Of pictures with two degradations over each other, with their average.
        mild: Of clean pictures with mild noise.
        later: Of each degradation that came later.
        beside: Of pictures with several degradations beside each other.
        control: Of each pair of degradations of which one is asked for.
        seen: For each task, in what share of its pictures the map names it first.
        maps: Of each mix of degradations beside each other.
        gallery: File name of the picture, beside the page; empty: none.
        curves: Of each degradation.
        plot: File name of the curves' picture, beside the page.
    """

    model: ModelInfo
    scores: Sequence[Score]
    stems: Mapping[str, Sequence[str]]
    mixtures: Sequence[Score] = ()
    mild: Sequence[Score] = ()
    later: Sequence[Score] = ()
    beside: Sequence[Score] = ()
    control: Sequence[Control] = ()
    seen: Mapping[str, float] = field(default_factory=dict)
    maps: Mapping[str, MapScore] = field(default_factory=dict)
    gallery: str = ""
    curves: Sequence[Curves] = ()
    plot: str = ""


def write(report: Report, command: str) -> str:
    """Write the page, Markdown.

    Args:
        report: What was measured.
        command: That measured it.
    """
    today = datetime.now(UTC).date().isoformat()
    parts = [
        f"# Evaluation of {report.model.name}\n\nWritten by `{command}` on {today}; base weights "
        f"sha256 {report.model.sha256[:12]}. Each cell is PSNR (dB) / SSIM of whole RGB pictures, "
        f"8 bits in and out, as the mean over the pictures. `none`: the baseline alone; `auto`: "
        f"the estimator's blend; `top`: the adapter that the estimator finds most likely; "
        f"`oracle`: the adapter of the task, chosen by hand; `sum` and `average`: all adapters, "
        f"each at full weight or in equal parts. If no severity is named, clean pictures were "
        f"degraded at severities drawn uniformly from {SEVERITIES[0]} to {SEVERITIES[-1]:g}.",
    ]
    if report.gallery:
        about = "Degraded, map, restored with `auto`, clean"
        parts.append(f"## Pictures\n\n{about}:\n\n![{about}]({report.gallery})")
    if report.scores:
        parts += ["## Tasks\n\n" + _table(report.scores), _failures(report), _paper()]
    parts += [
        f"## {title}\n\n{remark}{_table(scores)}"
        for title, remark, scores in (
            ("Two degradations over each other", "", report.mixtures),
            ("Degradations beside each other", _BESIDE, report.beside),
            ("Degradations outside the map", "", report.later),
            ("Mild noise", "", report.mild),
        )
        if scores
    ]
    if report.control:
        parts.append(_control(report.control))
    if report.curves:
        parts.append(_curves(report.curves, report.plot))
    if report.seen:
        rows = [(task, f"{100 * share:.0f} %") for task, share in report.seen.items()]
        parts.append(
            "## The map's largest class\n\nShare of the pictures of a task in which the class of "
            "the task has the most pixels.\n\n" + _markdown(("task", "right"), rows)
        )
    parts += [_map(mix, score) for mix, score in report.maps.items()]
    return "\n\n".join(parts) + "\n"


def _table(scores: Iterable[Score]) -> str:
    """Lay out a row a task, a column a mode."""
    tasks: dict[str, dict[str, Score]] = {}
    for score in scores:
        tasks.setdefault(score.task, {})[score.mode] = score
    columns = [mode for mode in COLUMNS if any(mode in row for row in tasks.values())]
    rows = [
        (
            f"{task} ({next(iter(row.values())).count})",
            *(f"{row[m].psnr:.2f} / {row[m].ssim:.3f}" if m in row else "" for m in columns),
        )
        for task, row in tasks.items()
    ]
    return _markdown(("task (pictures)", *columns), rows)


def _failures(report: Report) -> str:
    """Name the three pictures that `auto` did least for."""
    each = {(score.task, score.mode): score.each for score in report.scores}
    gains = sorted(
        (after - before, task, stem)
        for task, stems in report.stems.items()
        for before, after, stem in zip(each[task, "input"], each[task, "auto"], stems, strict=True)
        if task != "clean"
    )
    rows = [(task, stem, f"{gain:+.2f} dB") for gain, task, stem in gains[:3]]
    return "The three pictures that `auto` improved least:\n\n" + _markdown(
        ("task", "picture", "gain"), rows
    )


def _paper() -> str:
    told = ", ".join(f"{name} {value}" for name, value in PAPER)
    return (
        f"The paper's numbers on its sets, with 59 M parameters trained on GPUs: {told} dB. They "
        "cannot be compared directly: the pictures are different (the paper's haze is outdoors), "
        "this network has a tenth of the size, and it was trained for hours on two CPU cores and "
        "minutes on a GPU."
    )


def _curves(curves: Sequence[Curves], plot: str) -> str:
    """Show the curves, and tell what `auto` adds to the input at each severity."""
    about = "PSNR of clean pictures that were degraded at several severities"
    rows = [
        (
            one.degradation,
            *(
                f"{after - before:+.2f}"
                for before, after in zip(one.psnr["input"], one.psnr["auto"], strict=True)
            ),
        )
        for one in curves
    ]
    return (
        f"## From mild to severe\n\n{about}, {curves[0].count} at each severity. The numbers below "
        f"the panels are the physical amounts of these severities.\n\n![{about}]({plot})\n\n"
        "Gain of `auto` over the input at each severity, dB:\n\n"
        + _markdown(("degradation", *map(str, SEVERITIES)), rows)
    )


def _control(control: Sequence[Control]) -> str:
    rows = [(one.asked, one.left, f"{one.gain_db:+.2f}", f"{one.shift:.1f}") for one in control]
    return (
        "## Asked and left\n\nPictures with two degradations, one of which is asked for. The truth "
        "is the picture with only the other one. Gain over the input in dB, and how far the mean "
        f"level is from the truth's, of 255; {control[0].count} pictures each.\n\n"
        + _markdown(("asked", "left", "gain", "shift"), rows)
    )


def _map(mix: str, score: MapScore) -> str:
    about = (
        f"## The map, {mix}\n\nMean IoU {score.mean_iou:.3f} over {score.count} pictures. Each row "
        "shows how the pixels of a class were classified, in percent:\n\n"
    )
    rows = [
        (name, *(f"{100 * pixels / sum(row):.1f}" for pixels in row))
        for name, row in zip(score.classes, score.confusion, strict=True)
        if sum(row)
    ]
    return about + _markdown(("class", *score.classes), rows)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
