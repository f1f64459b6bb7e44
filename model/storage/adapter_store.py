"""Install and remove adapters after checks; the folder of weights can be loaded at every moment.

An adapter is copied before the estimator that names it, and the estimator that no longer names it
is written before the adapter is removed.
"""

import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from model.model_info import AdapterInfo
from model.networks.restoration import RestorationNetwork
from model.storage import checkpoint
from model.storage.adapter_files import CONFIG, TENSORS, check_file, check_names, copy_adapter
from model.storage.checkpoint import BUNDLED
from model.storage.tensor_file import digest, look_up, read_tensors, write_tensors

_ESTIMATOR = "estimator.safetensors"


def install(
    weights: Path, sources: Sequence[Path], *, measured: bool = True
) -> tuple[AdapterInfo, ...]:
    """Install trained adapters, and the estimator that was trained with them.

    All is checked before anything is changed: keys, shapes and rank, the sha256 of the baseline
    that they were trained on, that their numbers are finite, that they gain on their own task, and
    that the estimator knows the new adapters and those that are resident, by their sha256.

    Args:
        weights: Folder of weights to install into; begun as a copy of the bundled ones where there
            is none.
        sources: Folders laid out as weights, with ``adapters/NAME`` and the estimator.
        measured: Whether an adapter must have been measured to gain; without, its gain may be any
            number.

    Returns:
        What is told of the new adapters.

    Raises:
        ValueError: If one of these doesn't hold; nothing is changed then.
        RuntimeError: If somebody else changed the baseline or an older adapter meanwhile.
    """
    start = weights if weights.exists() else BUNDLED
    before = checkpoint.load_network(start)
    folders = {path.name: path for source in sources for path in _adapters_of(source)}
    resident = {adapter.name: adapter.sha256 for adapter in before.adapters}
    if again := sorted(folders.keys() & resident.keys()):
        raise ValueError(
            f"{', '.join(again)}: already installed; remove it first with `abair adapter remove`"
        )
    estimators = {digest(source / _ESTIMATOR): source / _ESTIMATOR for source in sources}
    if len(estimators) != 1:
        raise ValueError(
            f"{len(estimators)} estimators were trained, each without the others' adapters: train "
            f"these folders in one command"
        )
    (estimator,) = estimators.values()
    trained = _trained_with(estimator)
    _check_names(trained, {**resident, **folders})
    after = _try(start, resident, folders, estimator)
    here = {adapter.name: adapter.sha256 for adapter in after.adapters}
    if other := sorted(name for name in here if here[name] != trained[name]):
        raise ValueError(
            f"the estimator was trained beside other versions of {', '.join(other)}: train it "
            f"again with these weights"
        )
    new = tuple(adapter for adapter in after.adapters if adapter.name in folders)
    for adapter in new:
        _check_gain(adapter, measured=measured)
    if start is BUNDLED:
        shutil.copytree(BUNDLED, weights)
    for name, folder in folders.items():
        copy_adapter(folder, weights / "adapters" / name)
    _replace(estimator, weights / _ESTIMATOR)
    _check_untouched(weights, before)
    return new


def remove(weights: Path, name: str) -> None:
    """Take an adapter out; the estimator forgets it, and weighs the others as before.

    Raises:
        ValueError: If it is not resident.
    """
    network = checkpoint.load_network(weights)
    names = [adapter.name for adapter in network.adapters]
    if name not in names:
        raise ValueError(f"there is no adapter {name!r} in {weights}; it has {', '.join(names)}")
    index = names.index(name)
    _, told = read_tensors(weights / _ESTIMATOR)
    for key in ("adapters", "adapter_sha256"):
        if key in told:
            told[key] = [value for at, value in enumerate(told[key]) if at != index]
    smaller = network.estimator.without(index)
    write_tensors(weights / _ESTIMATOR, smaller.state_dict(), told)
    shutil.rmtree(weights / "adapters" / name)


def _adapters_of(source: Path) -> list[Path]:
    found = sorted(path.parent for path in source.glob(f"adapters/*/{CONFIG}"))
    if not found or not (source / _ESTIMATOR).is_file():
        raise ValueError(
            f"{source} contains no adapter with an estimator that knows it: make both with "
            f"`abair adapter train` (give --smoke to install what `train --smoke` made)"
        )
    check_file(source / _ESTIMATOR)
    check_names([folder.name for folder in found])
    return found


def _trained_with(estimator: Path) -> dict[str, str]:
    """Read the adapters that an estimator was trained with, and their sha256."""
    _, told = read_tensors(estimator)
    names, digests = (look_up(told, key, estimator) for key in ("adapters", "adapter_sha256"))
    return dict(zip(check_names(names), digests, strict=True))


def _check_names(trained: Collection[str], here: Collection[str]) -> None:
    if unknown := sorted(set(here) - set(trained)):
        raise ValueError(
            f"the estimator doesn't know {', '.join(unknown)}: train it again with these weights"
        )
    if missing := sorted(set(trained) - set(here)):
        raise ValueError(
            f"the estimator also needs {', '.join(missing)}: add them in the same command"
        )


def _try(
    weights: Path, resident: Mapping[str, str], folders: Mapping[str, Path], estimator: Path
) -> RestorationNetwork:
    """Load what would be there, from a folder of links."""
    with tempfile.TemporaryDirectory() as made:
        trial = Path(made)
        (trial / "adapters").mkdir()
        (trial / "base.safetensors").symlink_to((weights / "base.safetensors").resolve())
        (trial / _ESTIMATOR).symlink_to(estimator.resolve())
        for name in resident:
            (trial / "adapters" / name).symlink_to((weights / "adapters" / name).resolve())
        for name, folder in folders.items():
            (trial / "adapters" / name).symlink_to(folder.resolve())
        return checkpoint.load_network(trial)


def _check_gain(adapter: AdapterInfo, *, measured: bool) -> None:
    if adapter.gain_db is None:
        raise ValueError(
            f"the gain of {adapter.name} was never measured: train it with `abair adapter train`"
        )
    if measured and adapter.gain_db <= 0:
        raise ValueError(
            f"{adapter.name} doesn't improve pictures of its own degradation "
            f"({adapter.gain_db:+.2f} dB over the input): train longer, or look at its preview"
        )


def _replace(source: Path, target: Path) -> None:
    beside = target.with_suffix(".partial")
    shutil.copyfile(source, beside)
    beside.replace(target)


def _check_untouched(weights: Path, before: RestorationNetwork) -> None:
    """See that baseline and older adapters are bit-equal to what they were."""
    files = {
        weights / "base.safetensors": before.info.sha256,
        **{
            weights / "adapters" / adapter.name / TENSORS: adapter.sha256
            for adapter in before.adapters
        },
    }
    if changed := [str(path) for path, sha256 in files.items() if digest(path) != sha256]:
        raise RuntimeError(
            f"{', '.join(changed)} changed while adapters were installed: install again"
        )
