"""What can be trained: each phase with its network, and how the result is saved."""

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
from model.training.model_card import adapter_card
from model.training.options import AdapterGain, TrainingOptions
from model.training.phases import Phase, adapter, baseline, estimator

Save = Callable[[RestorationNetwork, dict[str, str], AdapterGain | None], None]
"""Saves a trained network, with its provenance and its gain."""


@dataclass(frozen=True)
class TrainingJob:
    """A network, its phase, and how the result is saved.

    Attributes:
        network: Network to train.
        phase: Settings of the training.
        save: Saves the result.
        own: Degradations that aren't built in, by name.
        final_rank: Rank that the adapter is reduced to before it is measured and saved, or None.
    """

    network: RestorationNetwork
    phase: Phase
    save: Save
    own: Mapping[str, OwnDegradation] = field(default_factory=dict)
    final_rank: int | None = None


def prepare_job(options: TrainingOptions) -> TrainingJob:
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


def _baseline_job(options: TrainingOptions) -> TrainingJob:
    if options.preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {options.preset!r}")
    if options.init is None:
        network = RestorationNetwork(PRESETS[options.preset])
    else:
        network = checkpoint.load_base(options.init)

    def save(
        trained: RestorationNetwork, provenance: dict[str, str], _measured: AdapterGain | None
    ) -> None:
        checkpoint.save_base(
            trained,
            options.weights,
            name=options.name,
            licence=options.licence,
            provenance=provenance,
        )

    return TrainingJob(network, baseline(), save)


def initial_weights(options: TrainingOptions) -> Path | None:
    """Return the file of weights that the training starts from, if any."""
    if options.init is None:
        return None
    of_adapter = f"adapters/{options.what}/adapter_model"
    files = {"baseline": "base", "estimator": "estimator"}
    return options.init / (files.get(options.what, of_adapter) + ".safetensors")


def _estimator_of(folder: Path, network: RestorationNetwork) -> Estimator:
    """Load the estimator of other weights, which must have the same adapters, in any order."""
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
    options: TrainingOptions,
    folder: Path,
    *,
    own: OwnDegradation | None = None,
    draft: str = "",
) -> TrainingJob:
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
        trained: RestorationNetwork, provenance: dict[str, str], measured: AdapterGain | None
    ) -> None:
        about = {
            "provenance": {**provenance, "train_rank": str(rank)},
            "licence": options.licence,
            "smoke": options.smoke,
            "gain_db": None if measured is None else measured.gain_db,
            "over_baseline_db": None if measured is None else measured.over_baseline_db,
        }
        card = adapter_card(info, rank, provenance, measured, options.licence, draft)
        checkpoint.save_adapter(trained, info.name, folder, config=about, card=card)

    return TrainingJob(
        network,
        adapter(info.degradation),
        save,
        {} if own is None else {own.name: own},
        final_rank=None if rank == info.rank else info.rank,
    )


def estimator_job(
    network: RestorationNetwork,
    folders: Sequence[Path],
    own: Mapping[str, OwnDegradation] | None = None,
) -> TrainingJob:
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
        trained: RestorationNetwork, provenance: dict[str, str], _measured: AdapterGain | None
    ) -> None:
        for folder in folders:
            checkpoint.save_estimator(trained, folder, provenance=provenance)

    return TrainingJob(network, estimator(kinds), save, own)
