"""What can be trained: each phase as a job of a network, what to do, and how to save it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model.config import PRESETS, TITLES, Degradation
from model.degradations import DEGRADATIONS, OwnDegradation
from model.model_info import AdapterInfo
from model.networks.estimator import Estimator
from model.networks.restoration import RestorationNetwork
from model.storage import checkpoint
from model.training.phases import Phase, adapter, baseline, estimator


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to train; kept in the run's folder.

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


@dataclass(frozen=True)
class Measured:
    """What an adapter gains on its own tasks, told the task.

    Attributes:
        gain_db: Over the input, dB.
        over_baseline_db: Over the baseline alone, dB.
        tasks: The tasks' names.
    """

    gain_db: float
    over_baseline_db: float
    tasks: tuple[str, ...]


Save = Callable[[RestorationNetwork, dict[str, str], Measured | None], None]
"""Writes what was trained, with its provenance and what it gains."""


@dataclass(frozen=True)
class Job:
    """What trains, how, and how it is saved.

    Attributes:
        network: What trains.
        phase: What to do.
        save: Writes it.
        own: Degradations that aren't built in, by name.
        cut: Rank that the adapter is cut to before it is measured and saved, or None.
    """

    network: RestorationNetwork
    phase: Phase
    save: Save
    own: Mapping[str, OwnDegradation] = field(default_factory=dict)
    cut: int | None = None


def prepare(options: Options) -> Job:
    """Build the job that ``options.what`` names.

    Raises:
        ValueError: If the phase or the preset is unknown, it can't start from ``options.init``, or
            ``options.train_rank`` doesn't fit.
    """
    if options.what in ("baseline", "estimator") and options.train_rank is not None:
        raise ValueError(
            "--train-rank is only for adapters: leave it out for baseline and estimator"
        )
    if options.what == "baseline":
        return _baseline_job(options)
    if options.what == "estimator":
        network = checkpoint.load_with_adapters(options.weights)
        if options.init is not None:
            network.estimator = _estimator_of(options.init, network)
        return estimator_job(network, [options.weights])
    if options.what in set(Degradation):
        kind = options.what
        info = AdapterInfo(name=kind, title=TITLES[kind], degradation=kind, rank=options.rank)
        return adapter_job(info, options, options.weights / "adapters" / kind)
    if options.what in DEGRADATIONS:
        raise ValueError(
            f"{options.what!r} is not one of the five degradations of `abair train`: make its "
            f"adapter with `abair adapter new {options.what}` and `abair adapter train`"
        )
    known = ", ".join(["baseline", *Degradation, "estimator"])
    raise ValueError(f"there is no phase {options.what!r}: choose one of {known}")


def _baseline_job(options: Options) -> Job:
    if options.preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {options.preset!r}")
    if options.init is None:
        network = RestorationNetwork(PRESETS[options.preset])
    else:
        network = checkpoint.load_base(options.init)

    def save(
        trained: RestorationNetwork, provenance: dict[str, str], _measured: Measured | None
    ) -> None:
        checkpoint.save_base(
            trained,
            options.weights,
            name=options.name,
            licence=options.licence,
            provenance=provenance,
        )

    return Job(network, baseline(), save)


def beginning(options: Options) -> Path | None:
    """Return the file of weights that what is trained begins with, if any."""
    if options.init is None:
        return None
    of_adapter = f"adapters/{options.what}/adapter_model"
    files = {"baseline": "base", "estimator": "estimator"}
    return options.init / (files.get(options.what, of_adapter) + ".safetensors")


def _estimator_of(folder: Path, network: RestorationNetwork) -> Estimator:
    """Take the estimator of other weights, which must weigh the same adapters, in any order."""
    other = checkpoint.load_network(folder)
    names, wanted = ([one.name for one in of.adapters] for of in (other, network))
    if sorted(names) != sorted(wanted):
        raise ValueError(
            f"the estimator in {folder} is for the adapters {names}, but these weights have "
            f"{wanted}: start from other weights, or train the estimator without --init"
        )
    return other.estimator.of([names.index(name) for name in wanted])


def adapter_job(
    info: AdapterInfo,
    options: Options,
    folder: Path,
    *,
    own: OwnDegradation | None = None,
    draft: str = "",
) -> Job:
    """Phase II: a new adapter of the baseline in ``options.weights``.

    Args:
        info: Of the new adapter.
        options: How to train.
        folder: Where the adapter goes.
        own: Its degradation, where it isn't built in.
        draft: Of the model card.

    Raises:
        ValueError: If ``options.train_rank`` is below the adapter's rank, or the adapter can't
            begin as the one in ``options.init``.
    """
    rank = info.rank if options.train_rank is None else options.train_rank
    if rank < info.rank:
        raise ValueError(f"--train-rank must be at least --rank, which is {info.rank}, got {rank}")
    network = checkpoint.load_base(options.weights)
    network.install_new(dataclasses.replace(info, rank=rank))
    if options.init is not None:
        checkpoint.begin_as(network, options.init / "adapters" / info.name)

    def save(
        trained: RestorationNetwork, provenance: dict[str, str], measured: Measured | None
    ) -> None:
        about = {
            "provenance": {**provenance, "train_rank": str(rank)},
            "licence": options.licence,
            "gain_db": None if measured is None else measured.gain_db,
            "over_baseline_db": None if measured is None else measured.over_baseline_db,
        }
        card = _card(info, rank, provenance, measured, options.licence, draft)
        checkpoint.save_adapter(trained, info.name, folder, config=about, card=card)

    return Job(
        network,
        adapter(info.degradation),
        save,
        {} if own is None else {own.name: own},
        cut=None if rank == info.rank else info.rank,
    )


def estimator_job(
    network: RestorationNetwork,
    folders: Sequence[Path],
    own: Mapping[str, OwnDegradation] | None = None,
) -> Job:
    """Phase III: the estimator of a network and its resident adapters.

    Args:
        network: Baseline, adapters, and the estimator to start from.
        folders: Where the estimator goes.
        own: Degradations that aren't built in, by name.

    Raises:
        ValueError: If it isn't known how the pictures of some adapter are made.
    """
    own = own or {}
    removed = [adapter.degradation for adapter in network.adapters]
    kinds = [*Degradation, *(kind for kind in removed if kind not in set(Degradation))]
    if unknown := [kind for kind in kinds if kind not in DEGRADATIONS and kind not in own]:
        raise ValueError(
            f"training needs the code of {', '.join(unknown)}, which isn't built in: name the "
            f"folder with its degradation.py too, as in abair adapter train FOLDER FOLDER ..."
        )

    def save(
        trained: RestorationNetwork, provenance: dict[str, str], _measured: Measured | None
    ) -> None:
        for folder in folders:
            checkpoint.save_estimator(trained, folder, provenance=provenance)

    return Job(network, estimator(kinds), save, own)


def _card(
    info: AdapterInfo,
    train_rank: int,
    provenance: dict[str, str],
    measured: Measured | None,
    licence: str,
    draft: str,
) -> str:
    """Write the model card of an adapter (Hub front matter, then prose)."""
    cut = "" if train_rank == info.rank else f", cut at the end from rank {train_rank},"
    began = ""
    if "began_as" in provenance:
        began = f"It began as the adapter of sha256 {provenance['began_as'][:12]}.\n"
    gain = "not measured"
    if measured is not None:
        gain = (
            f"{measured.gain_db:+.2f} dB PSNR over the input, "
            f"{measured.over_baseline_db:+.2f} dB over the baseline alone "
            f"(RGB, whole pictures, mean over {', '.join(measured.tasks)})"
        )
    return f"""---
library_name: peft
license: {licence.lower() or "unknown"}
pipeline_tag: image-to-image
tags: [image-restoration, lora, abair]
---
{draft.strip() or f"# ABAIR adapter: {info.title}"}

## How it was trained

Rank-{info.rank} update{cut} of every convolution of the baseline's restoring path, for pictures
damaged by {info.title.lower()}. Trained with the baseline frozen (ABAIR, phase II).

Trained with `{provenance["command"]}`: {provenance["steps"]} steps, {provenance["hours"]} hours,
on {provenance["data"]}.
{began}Gain on pairs that it wasn't trained on, told the task: {gain}.
"""
