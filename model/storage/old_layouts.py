"""Weights of the layout before amounts (version 0.1): read as weights of today's layout.

The layers that did not exist then begin as they do in training: they change nothing.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_RENAMED = {"context.encode.": "context.", "context.ground.": "backbone.spread."}
_NEW = ("backbone.tell.", "backbone.grid.", "backbone.gate.")
_NEW_ADAPTED = ("spread", "grid.")
_OPEN = 6.0  # logit at which the pixel gate is open: what those weights restore counts in full


def upgraded_base(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Bring a baseline's tensors to today's layout.

    Args:
        tensors: As read from a file, by name.
        own: The tensors of a new baseline of the same sizes, by name.

    Returns:
        ``tensors`` themselves where they have today's layout already.
    """
    if not any(name.startswith(tuple(_RENAMED)) for name in tensors):
        return tensors
    upgraded = {name: tensor for name, tensor in own.items() if name.startswith(_NEW)}
    upgraded["backbone.gate.bias"] = torch.full_like(own["backbone.gate.bias"], _OPEN)
    for name, tensor in tensors.items():
        prefix = next((prefix for prefix in _RENAMED if name.startswith(prefix)), "")
        upgraded[_RENAMED.get(prefix, "") + name.removeprefix(prefix)] = tensor
    return upgraded


def upgraded_adapter(
    tensors: Mapping[str, Tensor], layers: Mapping[str, nn.Conv2d], prefix: str, rank: int
) -> Mapping[str, Tensor]:
    """Give an adapter zero matrices for the layers that did not exist then; as above.

    Args:
        tensors: As read from a file, by name.
        layers: The convolutions that carry adapters, by name.
        prefix: What stands before the name of a layer in a file.
        rank: Rank of the adapter.
    """
    missing = {name: layer for name, layer in layers.items() if name.startswith(_NEW_ADAPTED)}
    if any(name.startswith(tuple(prefix + layer for layer in missing)) for name in tensors):
        return tensors
    upgraded = dict(tensors)
    for name, layer in missing.items():
        upgraded[f"{prefix}{name}.lora_A.weight"] = torch.zeros(rank, *layer.weight.shape[1:])
        upgraded[f"{prefix}{name}.lora_B.weight"] = torch.zeros(layer.out_channels, rank, 1, 1)
    return upgraded
