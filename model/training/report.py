"""Draw the curves of a run and a grid of example pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from PIL import Image

from model.evaluation.gallery import middle
from model.pictures.folders import Pair, read_rgb
from model.restoring.photographs import as_planes
from model.restoring.restorer import Restorer
from model.training.tables import KEYS, TABLES, VALIDATION, read_rows

_AXIS = (*KEYS, "rate", "progress")


def draw_curves(run: Path) -> None:
    """Draw the tables of a run folder, as far as there, to PNG."""
    tables = {name: read_rows(run / name) for name in TABLES}
    lines = [
        (name, column, rows)
        for name, rows in tables.items()
        if rows
        for column in rows[0]
        if column not in _AXIS
    ]
    if not lines:
        return
    figure = Figure(figsize=(7, 1.6 * len(lines)))
    axes = figure.subplots(len(lines), 1, sharex=True, squeeze=False)
    for axis, (name, column, rows) in zip(axes[:, 0], lines, strict=True):
        axis.plot([row["step"] for row in rows], [row[column] for row in rows])
        axis.set_ylabel(f"{column} (dB)" if name == VALIDATION else column)
        axis.grid(visible=True, alpha=0.3)
    axes[-1, 0].set_xlabel("step")
    figure.tight_layout()
    figure.savefig(run / "curves.png", dpi=80)


def draw_grid(
    restorer: Restorer,
    tasks: Mapping[str, Sequence[Pair]],
    path: Path,
    *,
    adapters: str | Mapping[str, float],
    side: int = 192,
) -> None:
    """Draw degraded, restored, clean: a row for the first picture of each task, to PNG.

    Args:
        restorer: What restores.
        tasks: Pairs of each task.
        path: File to write.
        adapters: As of ``Restorer.restore``.
        side: Pixels of the square that is cut from each picture's middle.
    """
    rows = []
    for pairs in tasks.values():
        degraded, clean = (
            as_planes(read_rgb(path)) for path in (pairs[0].degraded, pairs[0].clean)
        )
        restored = restorer.restore(degraded, adapters=adapters)
        squares = [middle(picture, side) for picture in (degraded, restored, clean)]
        rows.append(torch.cat(squares, dim=2))
    if rows:
        grid = torch.cat(rows, dim=1).permute(1, 2, 0).contiguous().numpy()
        Image.fromarray(grid).save(path)
