"""Cut an adapter to a lower rank: train wide, ship narrow."""

import dataclasses

from model.networks.restoration import RestorationNetwork


def cut_adapter(network: RestorationNetwork, rank: int) -> None:
    """Cut the one resident adapter to the nearest update of a lower rank.

    What was told of its file and of its gain is forgotten, since it isn't true any more.

    Args:
        network: Changed in place; its adapters' matrices are new parameters.
        rank: At least 1, at most the adapter's.

    Raises:
        ValueError: If not just one adapter is resident, or its rank is lower.
    """
    if len(network.adapters) != 1:
        raise ValueError(f"just one adapter must be loaded, got {len(network.adapters)}")
    for layer in network.adapted_convolutions().values():
        layer.set_adapters([layer.cut(rank)])
    info = dataclasses.replace(
        network.adapters[0], rank=rank, parameters=0, bytes=0, sha256="", gain_db=None
    )
    network.adapters = (info,)
