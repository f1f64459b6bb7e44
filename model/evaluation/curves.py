"""Curves of PSNR over severity, one panel per degradation."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from model.degradations.compression import levels_of, quality_of
from model.degradations.haze import BETA_MAX
from model.degradations.lowlight import DARKEST
from model.degradations.noise import SIGMA_MAX
from model.evaluation.making import SEVERITIES, degraded_by
from model.evaluation.scores import PictureRestorer, evaluate_pictures

_MODES = ("none", "auto", "oracle")
_STYLES = MappingProxyType({"input": "k:", "none": "C0-", "auto": "C1o-", "oracle": "C2--"})
_COLUMNS = 4

_UNITS: Mapping[str, tuple[str, Callable[[float], float]]] = MappingProxyType(
    {
        "noise": ("standard deviation, of 255", lambda severity: 255 * SIGMA_MAX * severity),
        "haze": ("scattering coefficient", lambda severity: BETA_MAX * severity),
        "lowlight": ("stops too dark", lambda severity: -severity * math.log2(DARKEST)),
        "jpeg": ("quality", quality_of),
        "bitdepth": ("levels a channel", levels_of),
    }
)
"""Unit of each degradation, and how its severity is converted into that unit."""


@dataclass(frozen=True)
class Curves:
    """How one degradation is restored, over its severity.

    Attributes:
        degradation: One of ``DEGRADATIONS``.
        count: Pictures at each severity.
        psnr: Of ``input``, ``none``, ``auto`` and, where an adapter fits, ``oracle``: mean dB at
            each of ``SEVERITIES``.
    """

    degradation: str
    count: int
    psnr: Mapping[str, Sequence[float]]


def measure_curves(restorer: PictureRestorer, folder: Path, degradation: str, count: int) -> Curves:
    """Restore clean pictures that are degraded at each of ``SEVERITIES``.

    Args:
        restorer: What restores.
        folder: Clean pictures, as of ``clean_pictures``.
        degradation: One of ``DEGRADATIONS``.
        count: Pictures at each severity.

    Raises:
        ValueError: If the folder holds no picture, or the degradation is unknown.
    """
    columns = []
    for severity in SEVERITIES:
        pictures = degraded_by(folder, degradation, severity, count)
        scores = evaluate_pictures(restorer, degradation, pictures, modes=_MODES)
        columns.append({score.mode: score.psnr for score in scores})
    modes = {mode: [column[mode] for column in columns] for mode in columns[0]}
    return Curves(degradation, count, modes)


def scale_of(degradation: str) -> tuple[str, list[str]]:
    """Return the unit of a degradation's strength, and each of ``SEVERITIES`` in it."""
    unit, of_severity = _UNITS.get(degradation, ("severity", float))
    return unit, [f"{of_severity(severity):.3g}" for severity in SEVERITIES]


def plot_curves(curves: Sequence[Curves], path: Path) -> None:
    """Draw a panel for each degradation, to a picture file; needs matplotlib."""
    from matplotlib.figure import Figure  # of the extra ``train``: measuring does without

    rows = -(-len(curves) // _COLUMNS)
    figure = Figure(figsize=(3 * _COLUMNS, 2.8 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).flat
    for one, panel in zip(curves, panels, strict=False):
        for mode, values in one.psnr.items():
            panel.plot(SEVERITIES, values, _STYLES[mode], markersize=4, label=mode)
        unit, ticks = scale_of(one.degradation)
        panel.set_xticks(SEVERITIES, ticks)
        panel.set(title=one.degradation, xlabel=unit, ylabel="PSNR (dB)")
        panel.grid(visible=True, alpha=0.3)
    for panel in panels:
        panel.set_axis_off()
    handles, modes = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, modes, loc="outside upper center", ncols=len(modes))
    figure.savefig(path, dpi=80)
