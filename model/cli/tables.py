"""Tables for people: what ``evaluate`` and ``adapter list`` print."""

from collections.abc import Iterable, Sequence

from rich.markup import escape
from rich.table import Table

from model.cli.previewing import Seen
from model.evaluation import MapScore, Score
from model.model_info import AdapterInfo


def score_table(scores: Iterable[Score]) -> Table:
    """Lay out PSNR and SSIM by task and mode.

    The gain is over the task's input; the worst tenth is the mean PSNR of the worst tenth of its
    pictures.
    """
    table = Table("task", "n", "mode", "PSNR", "gain", "worst tenth", "SSIM", "s/MP", box=None)
    for column in (1, 3, 4, 5, 6, 7):
        table.columns[column].justify = "right"
    inputs: dict[str, float] = {}
    for score in scores:
        first = score.task not in inputs
        baseline = inputs.setdefault(score.task, score.psnr)
        table.add_row(
            score.task if first else "",
            str(score.count) if first else "",
            score.mode,
            f"{score.psnr:.2f}",
            "" if first else f"{score.psnr - baseline:+.2f}",
            f"{score.worst:.2f}" if score.each else "",
            f"{score.ssim:.4f}",
            "" if score.seconds_per_megapixel is None else f"{score.seconds_per_megapixel:.2f}",
        )
    return table


def map_table(score: MapScore) -> Table:
    """Lay out a map's confusion: what the pixels of each true class were taken for, in percent."""
    table = Table("% of", *score.classes, box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in zip(score.classes, score.confusion, strict=True):
        if total := sum(row):
            table.add_row(name, *(f"{100 * pixels / total:.1f}" for pixels in row))
    return table


def adapter_table(adapters: Sequence[AdapterInfo]) -> Table:
    """Lay out the resident adapters."""
    table = Table("name", "title", "removes", "rank", "parameters", "bytes", "gain", box=None)
    for column in table.columns[3:]:
        column.justify = "right"
    for adapter in adapters:
        table.add_row(
            adapter.name,
            escape(adapter.title),
            adapter.degradation,
            str(adapter.rank),
            f"{adapter.parameters:,}",
            f"{adapter.bytes:,}",
            _gain(adapter),
        )
    return table


def _gain(adapter: AdapterInfo) -> str:
    gain = "" if adapter.gain_db is None else f"{adapter.gain_db:+.2f} dB"
    return f"{gain}, of a smoke run: only for trying".removeprefix(", ") if adapter.smoke else gain


def preview_table(seen: Iterable[Seen]) -> Table:
    """Lay out what a degradation did at each severity."""
    table = Table("severity", "PSNR", "s/MP", box=None)
    for row in seen:
        table.add_row(f"{row.severity:.1f}", f"{row.psnr:.2f}", f"{row.seconds_per_megapixel:.2f}")
    return table
