"""Options of a training, and the measured gain of an adapter."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How to train a phase; recorded in the ``args.json`` of the run.

    Attributes:
        what: ``baseline``, ``estimator``, or the adapter's degradation.
        data: Training pictures.
        run: Folder of checkpoint and logs.
        weights: Folder of weights to build on.
        hours: Budget of training, or None.
        steps: Budget of steps, or None.
        workers: Processes that make data, for each that trains.
        processes: That train together, each on its part of every batch.
        seed: Of initialisation and data.
        command: What the weights' provenance names.
        val: Folders of pairs to validate on.
        overrides: ``FIELD=VALUE`` of the phase.
        without: Clean pictures that aren't trained on.
        preset: Sizes of a new baseline.
        rank: Of a new adapter.
        train_rank: Of a new adapter while it trains; it is cut to ``rank`` at the end. None: as
            ``rank``.
        init: Weights that what is trained begins with, or None; an adapter's may be of another
            baseline.
        name: Of a new baseline.
        device: Where to compute, one of ``model.precision.DEVICES``.
        licence: Terms of the weights.
        smoke: Whether the run only proves the steps; its adapter is marked.
    """

    what: str
    data: Path
    run: Path
    weights: Path
    hours: float | None
    steps: int | None
    workers: int
    seed: int
    command: str
    processes: int = 1
    val: tuple[Path, ...] = ()
    overrides: tuple[str, ...] = ()
    without: frozenset[Path] = frozenset()
    preset: str = "small"
    rank: int = 4
    train_rank: int | None = None
    init: Path | None = None
    name: str = ""
    device: str = "auto"
    licence: str = ""
    smoke: bool = False


@dataclass(frozen=True)
class AdapterGain:
    """What an adapter gains on its own tasks when it is asked for in full.

    Attributes:
        gain_db: Over the input, dB.
        over_baseline_db: Over the baseline alone, dB.
        tasks: The tasks' names.
    """

    gain_db: float
    over_baseline_db: float
    tasks: tuple[str, ...]
