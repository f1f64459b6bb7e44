"""Weights on disk: a folder with the baseline, the estimator, and one folder per adapter.

    FOLDER/base.safetensors          config and provenance in its metadata; fp16
    FOLDER/estimator.safetensors     names of the adapters it weighs in its metadata
    FOLDER/adapters/NAME/            PEFT's layout: adapter_config.json,
                                     adapter_model.safetensors, README.md (model card)

Only safetensors are read. Every key is checked: what is missing or unexpected is named.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model.config import RestorerConfig
from model.model_info import AdapterInfo, ModelInfo
from model.networks.estimator import Estimator
from model.networks.restoration import RestorationNetwork
from model.printable import printable
from model.storage.adapter_files import (
    CARD,
    CONFIG,
    TENSORS,
    check_file,
    check_names,
    read_config,
    replaced,
)
from model.storage.old_layouts import upgraded_adapter, upgraded_base
from model.storage.tensor_file import (
    check_shapes,
    digest,
    metadata_entry,
    read_tensors,
    write_tensors,
)

BUNDLED = Path(__file__).parent.parent / "weights"
"""Folder of the weights that ship with the package."""

_PREFIX = "base_model.model."


def load_network(folder: Path | str | None = None) -> RestorationNetwork:
    """Load a network with all its adapters.

    Args:
        folder: Where ``base.safetensors`` is; the bundled weights when None.

    Returns:
        The network in fp32, in evaluation mode, on the CPU.

    Raises:
        FileNotFoundError: If there is no ``base.safetensors``.
        ValueError: If a file's keys or shapes don't fit; the message names them.
    """
    folder = BUNDLED if folder is None else Path(folder)
    network = load_base(folder)
    _load_estimator(network, folder)
    return network.eval().channels_last()


def load_base(folder: Path) -> RestorationNetwork:
    """Load the baseline alone; errors as of ``load``."""
    path = folder / "base.safetensors"
    if not path.is_file():
        raise FileNotFoundError(
            f"there are no weights at {path}: name a folder that contains base.safetensors"
        )
    tensors, metadata = read_tensors(path)
    network = RestorationNetwork(config_from(metadata_entry(metadata, "config", path)))
    parts = base_parts(network)
    _load_into(parts, upgraded_base(tensors, parts.state_dict()), path)
    network.info = ModelInfo(
        name=metadata_entry(metadata, "name", path),
        sha256=digest(path),
        parameters=sum(p.numel() for p in parts.parameters()),
        licence=metadata.get("licence", ""),
    )
    return network.eval().channels_last()


def load_with_adapters(folder: Path) -> RestorationNetwork:
    """Load the baseline and every adapter there is, with a new estimator for them.

    The estimator begins with what the context encoder has learnt to see, which has the same layers.
    """
    network = load_base(folder)
    add_adapters(network, sorted(path.parent for path in folder.glob("adapters/*/*.safetensors")))
    network.estimator = Estimator(network.config, len(network.adapters))
    network.estimator.encode.load_state_dict(network.context.state_dict())
    return network.channels_last()


def save_base(
    network: RestorationNetwork,
    folder: Path,
    *,
    name: str,
    licence: str,
    provenance: Mapping[str, Any],
) -> None:
    """Write the baseline: context encoder, backbone and head, without adapters."""
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {
        "name": name,
        "licence": licence,
        "config": dataclasses.asdict(network.config),
        "provenance": provenance,
    }
    own = base_parts(network).state_dict()
    baseline = {key: tensor for key, tensor in own.items() if ".lora_" not in key}
    write_tensors(folder / "base.safetensors", baseline, metadata)


def save_adapter(
    network: RestorationNetwork, name: str, folder: Path, *, config: Mapping[str, Any], card: str
) -> None:
    """Write one resident adapter as PEFT would: ``folder`` is the adapter's own.

    The files that were there are replaced all at once.

    Raises:
        ValueError: If no adapter of that name is resident, or ``load`` would refuse what ``config``
            says or the adapter's numbers; nothing is written then.
    """
    names = [adapter.name for adapter in network.adapters]
    if name not in names:
        raise ValueError(f"there is no adapter {name!r}; the installed adapters are {names}")
    resident = network.adapters[names.index(name)]
    told = ("title", "degradation", "gain_db", "licence", "smoke")
    changes = {key: config[key] for key in told if key in config}
    info = dataclasses.replace(resident, **changes)
    first = sum(adapter.rank for adapter in network.adapters[: names.index(name)])
    tensors = {}
    for layer_name, layer in network.adapted_convolutions().items():
        assert layer.lora_A is not None
        assert layer.lora_B is not None
        part = slice(first, first + info.rank)
        tensors[f"{_PREFIX}{layer_name}.lora_A.weight"] = layer.lora_A[part]
        tensors[f"{_PREFIX}{layer_name}.lora_B.weight"] = layer.lora_B[:, part, None, None]
    peft = {
        "peft_type": "LORA",
        "base_model_name_or_path": network.info.name,
        "base_model_sha256": network.info.sha256,
        "r": info.rank,
        "lora_alpha": info.scaling * info.rank,
        "target_modules": sorted(network.adapted_convolutions()),
        "bias": "none",
        "inference_mode": True,
        "abair": {"title": info.title, "degradation": info.degradation, **config},
    }
    with replaced(folder) as beside:
        write_tensors(beside / TENSORS, tensors, {})
        (beside / CONFIG).write_text(json.dumps(peft, indent=1, allow_nan=False) + "\n")
        (beside / CARD).write_text(card, encoding="utf-8")


def save_estimator(
    network: RestorationNetwork, folder: Path, *, provenance: Mapping[str, Any]
) -> None:
    """Write the estimator with the names of the adapters that it weighs, in order.

    The digests say beside which files it was trained; they are empty where there were none yet.
    """
    metadata = {
        "adapters": [adapter.name for adapter in network.adapters],
        "adapter_sha256": [adapter.sha256 for adapter in network.adapters],
        "provenance": provenance,
    }
    write_tensors(folder / "estimator.safetensors", network.estimator.state_dict(), metadata)


def add_adapters(network: RestorationNetwork, folders: list[Path]) -> None:
    """Make the adapters in ``folders`` resident, replacing those that were.

    Raises:
        ValueError: If an adapter's keys or shapes don't fit, or it was trained on other weights.
    """
    read = [_read_adapter(network, folder) for folder in folders]
    for name, layer in network.adapted_convolutions().items():
        layer.set_adapters([matrices[name] for _, matrices in read])
    network.adapters = tuple(info for info, _ in read)
    network.requires_grad_(requires_grad=False)


def begin_as(network: RestorationNetwork, folder: Path) -> None:
    """Let the one new adapter begin as one on disk, which may be another baseline's.

    Args:
        network: With one resident adapter, changed in place; the ranks that it has beyond the
            other's stay as they are.
        folder: The other adapter's own.

    Raises:
        ValueError: If there is no adapter, it doesn't fit, or its rank is above the new one's.
    """
    if not (folder / CONFIG).is_file():
        raise ValueError(f"there is no adapter in {folder} to start from")
    info, matrices = _read_adapter(network, folder, other_base=True)
    if info.rank > (rank := network.adapters[0].rank):
        raise ValueError(
            f"{folder} has rank {info.rank}, so an adapter of rank {rank} can't start from it: set "
            f"--rank or --train-rank to at least {info.rank}"
        )
    scaling = info.scaling / network.adapters[0].scaling
    with torch.no_grad():
        for name, layer in network.adapted_convolutions().items():
            assert layer.lora_A is not None
            assert layer.lora_B is not None
            down, up = matrices[name]
            layer.lora_A[: info.rank] = down
            layer.lora_B[:, : info.rank] = up * scaling


def extend(network: RestorationNetwork, weights: Path, folders: list[Path]) -> None:
    """Make further adapters resident; the estimator gets an output without opinion for each.

    Args:
        network: As ``load`` gave it.
        weights: The folder that it was loaded from.
        folders: The further adapters' own folders.

    Raises:
        ValueError: As of ``add_adapters``.
    """
    resident = [weights / "adapters" / adapter.name for adapter in network.adapters]
    add_adapters(network, resident + folders)
    network.estimator = network.estimator.grown(len(folders))


def base_parts(network: RestorationNetwork) -> nn.ModuleDict:
    """Return what phase I trains and every later phase freezes."""
    return nn.ModuleDict(
        {"context": network.context, "backbone": network.backbone, "head": network.head}
    )


def config_from(stored: Mapping[str, Any]) -> RestorerConfig:
    """Rebuild the config stored in a weights file."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()
    }
    try:
        return RestorerConfig(**values)
    except TypeError as error:
        raise ValueError(f"the sizes of the model cannot be used: {error}") from None


def _load_estimator(network: RestorationNetwork, folder: Path) -> None:
    """Load the estimator and the adapters that it weighs; a folder may have neither yet."""
    path = folder / "estimator.safetensors"
    if not path.is_file():
        return
    tensors, metadata = read_tensors(path)
    names = check_names(metadata_entry(metadata, "adapters", path))
    network.estimator = Estimator(network.config, len(names))
    _load_into(network.estimator, tensors, path)
    add_adapters(network, [folder / "adapters" / name for name in names])


def _read_adapter(
    network: RestorationNetwork, folder: Path, *, other_base: bool = False
) -> tuple[AdapterInfo, dict[str, tuple[Tensor, Tensor]]]:
    path, config = folder / TENSORS, read_config(folder)
    check_file(path)
    trained_on, here = config.trained_on, network.info.sha256
    if trained_on and here and trained_on != here and not other_base:
        raise ValueError(
            f"{folder} was trained on other base weights (sha256 {printable(trained_on[:12])}; "
            f"the loaded ones have {here[:12]}): train it again on the loaded ones"
        )
    layers, rank = network.adapted_convolutions(), config.info.rank
    tensors = upgraded_adapter(read_tensors(path)[0], layers, _PREFIX, rank)
    expected = {}
    for name, layer in layers.items():
        expected[f"{_PREFIX}{name}.lora_A.weight"] = (rank, *layer.weight.shape[1:])
        expected[f"{_PREFIX}{name}.lora_B.weight"] = (layer.out_channels, rank, 1, 1)
    check_shapes(expected, tensors, path)
    matrices = {
        name: (
            tensors[f"{_PREFIX}{name}.lora_A.weight"].float(),
            tensors[f"{_PREFIX}{name}.lora_B.weight"].float()[:, :, 0, 0],
        )
        for name in layers
    }
    if read_config(folder) != config:
        raise ValueError(f"{folder} changed while it was read; load it again")
    info = dataclasses.replace(
        config.info,
        parameters=sum(t.numel() for t in tensors.values()),
        bytes=path.stat().st_size,
        sha256=digest(path),
    )
    return info, matrices


def _load_into(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    own = module.state_dict()
    check_shapes({key: tuple(t.shape) for key, t in own.items()}, tensors, path)
    module.load_state_dict({key: t.float() for key, t in tensors.items()})
