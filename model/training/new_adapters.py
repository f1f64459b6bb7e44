"""Train new adapters: phase II for each of them, then phase III for all adapters together."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from model.degradations import OwnDegradation
from model.evaluation.tasks import degradation_of
from model.model_info import AdapterInfo
from model.networks.restoration import RestorationNetwork
from model.pictures.folders import find_pairs, pictures_in, read_rgb
from model.storage import checkpoint
from model.training.jobs import TrainingJob, adapter_job, estimator_job
from model.training.options import TrainingOptions
from model.training.scenes import draw_scene, write_scenes
from model.training.train import Listener, train_job
from model.training.workspace import Workspace

HELD_OUT = 12
"""Most clean pictures that are kept from training, to measure the gain on."""
_SIDE = 384  # pixels of a held-out picture's middle
_SCENES = 8
_SILENT = Listener()
_SMOKE_STEPS = 30
_SMOKE = ("mix.batch=2", "mix.crop=64", "mix.window=[96, 160]")
_SMOKE_ESTIMATOR = ("mix.batch=4", "mix.crop=32", "mix.window=[96, 160]")


@dataclass(frozen=True, kw_only=True)
class NewAdapterOptions:
    """How to train new adapters.

    Attributes:
        data: Training pictures; None for a smoke run.
        val: Pairs to validate on, or None.
        weights: Folder of weights to build on.
        init: Folder of weights whose adapters the new ones begin as, or None.
        hours: Budget of each adapter.
        estimator_hours: Budget of the estimator.
        workers: Processes that make data.
        device: Where to compute, one of ``model.precision.DEVICES``.
        seed: Of initialisation and data.
        overrides: ``FIELD=VALUE`` of phase II.
        smoke: Whether only to prove the chain: made-up pictures, tiny steps.
    """

    data: Path | None
    val: Path | None
    weights: Path
    init: Path | None
    hours: float | None
    estimator_hours: float | None
    workers: int
    device: str
    seed: int
    overrides: tuple[str, ...]
    smoke: bool


def train_adapters(
    spaces: Sequence[Workspace], how: NewAdapterOptions, listener: Listener = _SILENT
) -> tuple[AdapterInfo, ...] | None:
    """Train the adapters of ``spaces``, and the estimator again so that it knows them.

    An adapter that is resident in the weights already stays as it is: its folder only says how its
    pictures are made.

    Returns:
        Records of the new adapters; None if a signal stopped the training before its end.

    Raises:
        ValueError: If a folder, an option or the data isn't what it should be.
    """
    network = checkpoint.load_network(how.weights)
    resident = {adapter.name for adapter in network.adapters}
    new = [space for space in spaces if space.name not in resident]
    if not new:
        names = ", ".join(space.name for space in spaces)
        raise ValueError(
            f"{names}: already installed in {how.weights}; remove it with `abair adapter remove`"
        )
    scene = draw_scene(0).astype(np.float32) / np.float32(255)
    for space in spaces:
        space.degradation.prove(scene)
    options = [_options(space, how) for space in new]
    jobs = [_adapter_job(*each) for each in zip(new, options, strict=True)]
    if not all(train_job(chosen, job, listener) for chosen, job in zip(options, jobs, strict=True)):
        return None
    checkpoint.extend(network, how.weights, [space.adapter for space in new])
    if not _train_estimator(network, spaces, new, _for_estimator(network, options, how), listener):
        return None
    return network.adapters[-len(new) :]


def _adapter_job(space: Workspace, options: TrainingOptions) -> TrainingJob:
    """Phase II of one adapter."""
    torch.manual_seed(options.seed)
    settings = space.settings
    info = AdapterInfo(
        name=space.name, title=settings.title, degradation=space.name, rank=settings.rank
    )
    draft = space.folder / "README.md"
    return adapter_job(
        info,
        options,
        space.adapter,
        own=space.degradation,
        draft=draft.read_text(encoding="utf-8") if draft.is_file() else "",
    )


def _train_estimator(
    network: RestorationNetwork,
    spaces: Sequence[Workspace],
    new: Sequence[Workspace],
    options: TrainingOptions,
    listener: Listener,
) -> bool:
    """Phase III: extend the existing estimator by the new adapters, and train it."""
    own = {space.name: space.degradation for space in spaces}
    job = estimator_job(network, [space.weights for space in new], own)
    return train_job(replace(options, run=new[0].output / options.run), job, listener)


def _for_estimator(
    network: RestorationNetwork, adapters: Sequence[TrainingOptions], how: NewAdapterOptions
) -> TrainingOptions:
    """Make the options of phase III from those of phase II; the adapters name its run."""
    names = " ".join(adapter.name for adapter in network.adapters)
    return replace(
        adapters[0],
        what="estimator",
        init=None,
        run=Path(f"run-estimator-{hashlib.sha256(names.encode()).hexdigest()[:8]}"),
        hours=None if how.smoke else how.estimator_hours,
        overrides=_SMOKE_ESTIMATOR if how.smoke else (),
        val=tuple(dict.fromkeys(folder for options in adapters for folder in options.val)),
        without=frozenset[Path]().union(*(options.without for options in adapters)),
    )


def _options(space: Workspace, how: NewAdapterOptions) -> TrainingOptions:
    """Make the options of phase II, and hold out pairs to measure the gain on."""
    data = how.data
    if how.smoke:
        shutil.rmtree(space.output, ignore_errors=True)  # an earlier smoke run's
        data = space.output / "data"
        write_scenes(data / "clean", _SCENES)
    if data is None:
        raise ValueError("give --data (the folder of training pictures) or --smoke")
    options = TrainingOptions(
        what=space.name,
        data=data,
        run=space.output / "run",
        weights=how.weights,
        init=how.init,
        hours=None if how.smoke else how.hours,
        steps=_SMOKE_STEPS if how.smoke else None,
        workers=0 if how.smoke else how.workers,
        device="cpu" if how.smoke else how.device,
        seed=how.seed,
        command=f"abair adapter train {space.name}" + (" --smoke" if how.smoke else ""),
        overrides=(*(_SMOKE if how.smoke else ()), *how.overrides),
        rank=space.settings.rank,
        licence=space.settings.licence,
        smoke=how.smoke,
    )
    tasks = {} if how.val is None else find_pairs(how.val)
    if how.val is not None and any(degradation_of(task, [space.name]) for task in tasks):
        return replace(options, val=(how.val,))
    paths = pictures_in(data / "clean")
    if len(paths) < 2:
        raise ValueError(
            f"{data / 'clean'} must contain at least 2 pictures: one is kept out of the training "
            f"to measure the gain"
        )
    kept = paths[:: -(-len(paths) // min(HELD_OUT, max(1, len(paths) // 10)))]
    folder = space.output / "held-out"
    write_pairs(space.degradation, kept, folder / space.name)
    val = (folder,) if how.val is None else (folder, how.val)
    return replace(options, val=val, without=frozenset(kept))


def write_pairs(degradation: OwnDegradation, paths: Sequence[Path], task: Path) -> None:
    """Write a task of pairs: the middles of clean pictures, and the same ones degraded."""
    for side in ("degraded", "clean"):
        (task / side).mkdir(parents=True, exist_ok=True)
    for index, path in enumerate(paths):
        rng = np.random.default_rng([index, 2**31])  # no draw of training's
        whole = read_rgb(path)
        top, left = (max(0, (length - _SIDE) // 2) for length in whole.shape[:2])
        clean = np.ascontiguousarray(whole[top : top + _SIDE, left : left + _SIDE])
        severity = degradation.sample_severity(rng)
        damaged = degradation.degrade(clean.astype(np.float32) / np.float32(255), severity, rng)
        Image.fromarray(clean).save(task / "clean" / f"{index:02}.png")
        Image.fromarray(np.rint(damaged * 255).astype(np.uint8)).save(
            task / "degraded" / f"{index:02}.png"
        )
