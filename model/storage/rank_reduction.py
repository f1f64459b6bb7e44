"""Reduce the rank of a trained adapter: train with a high rank, save with a low one."""

import dataclasses

from model.networks.restoration import RestorationNetwork


def reduce_rank(network: RestorationNetwork, rank: int) -> None:
    """Replace the one installed adapter by the nearest update of a lower rank.

    Size and digest of its file and its gain are cleared, because they are no longer true.

    Args:
        network: Changed in place; its adapters' matrices are new parameters.
        rank: At least 1, at most the adapter's.

    Raises:
        ValueError: If not just one adapter is resident, or its rank is lower.
    """
    if len(network.adapters) != 1:
        raise ValueError(f"just one adapter must be loaded, got {len(network.adapters)}")
    for layer in network.adapted_convolutions().values():
        layer.set_adapters([layer.reduced(rank)])
    info = dataclasses.replace(
        network.adapters[0], rank=rank, parameters=0, bytes=0, sha256="", gain_db=None
    )
    network.adapters = (info,)
