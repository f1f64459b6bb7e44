"""Describe, restore and map whole pictures of equal shape with one network, as tensors."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.networks.asked import Asked
from model.networks.description import Description
from model.networks.restoration import RestorationNetwork
from model.networks.whole_picture_views import Views, sample_views
from model.precision import arithmetic, choose_precision
from model.restoring.crops import Crop, crops_of, kept, to_levels
from model.restoring.plan import RestorationPlan, plan_restoration
from model.restoring.spatial_weights import join_cells, sum_by_cell, weights_by_cell
from model.restoring.wishes import amounts_for


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """What is to be done with pictures; the arguments of ``Restorer.restore``."""

    adapters: str | Mapping[str, float] = "auto"
    amounts: Mapping[str, float] | None = None
    keep: Collection[str] = ()
    strength: float = 1.0
    blend: str = "image"
    tile: int = 1024
    precision: str = "auto"

    def plan(self, network: RestorationNetwork, estimated: Sequence[float]) -> RestorationPlan:
        """Decide what to do with a picture of these estimated amounts.

        Raises:
            ValueError: If an option can't be used.
        """
        return plan_restoration(
            self.adapters,
            estimated,
            network.askable,
            keep=self.keep,
            strength=self.strength,
            blend=self.blend,
        )

    def check(self, network: RestorationNetwork) -> None:
        """Check the options before there is a picture; raises ``ValueError`` as ``plan``."""
        if self.amounts is not None and isinstance(self.adapters, Mapping):
            raise ValueError(
                "amounts= takes the place of the estimate, which adapters={...} doesn't use: "
                "give one of the two"
            )
        self.plan(network, self.held(network) or [0.0] * len(network.adapters))
        choose_precision(self.precision, network.device.type)
        least = network.config.multiple
        if self.tile < least:
            raise ValueError(f"tile must be at least {least} pixels, got {self.tile}")

    def held(self, network: RestorationNetwork) -> list[float] | None:
        """Return ``amounts`` in the order of the adapters; None: each picture has its own."""
        if self.amounts is None:
            return None
        return list(amounts_for(self.amounts, (), [one.name for one in network.adapters]))


def describe(network: RestorationNetwork, pictures: Sequence[Tensor]) -> Description:
    """Describe pictures (3, H, W) of any sizes in one batch."""
    return network.describe(Views.stack([sample_views(one) for one in pictures]).to(network.device))


@torch.inference_mode()
def restore_alike(
    network: RestorationNetwork, pictures: Sequence[Tensor], options: RestoreOptions
) -> list[Tensor]:
    """Restore pictures of equal shape and type together.

    Args:
        network: The network.
        pictures: Each of shape (3, H, W): uint8, uint16 or float32 in [0, 1], sRGB.
        options: What to do, the same for all; checked.

    Returns:
        Restored pictures, of the shape and type of ``pictures``. A picture of which nothing is
        asked comes back as it was.
    """
    description = describe(network, pictures)
    estimates = description.amounts.tolist()
    if (held := options.held(network)) is not None:
        estimates = [held] * len(pictures)
    plans = [options.plan(network, row) for row in estimates]
    out = [picture.clone() for picture in pictures]
    for rows in _groups(plans, apart=network.device.type == "cpu"):
        chosen = Description(
            description.context[rows], description.features[rows], description.amounts[rows]
        )
        _restore_group(
            network,
            [pictures[row] for row in rows],
            chosen,
            [plans[row] for row in rows],
            options,
            [out[row] for row in rows],
        )
    return out


def _groups(plans: Sequence[RestorationPlan], *, apart: bool) -> Iterator[list[int]]:
    """Gather the pictures that change: all together, or only those of equal plans.

    Equal amounts are merged into the kernels, which on a CPU beats one pass for different ones.
    """
    changing = [row for row, plan in enumerate(plans) if plan.changes]
    by_plan: dict[object, list[int]] = {}
    for row in changing:
        by_plan.setdefault(plans[row] if apart else None, []).append(row)
    yield from by_plan.values()


def _restore_group(
    network: RestorationNetwork,
    pictures: Sequence[Tensor],
    description: Description,
    plans: Sequence[RestorationPlan],
    options: RestoreOptions,
    out: Sequence[Tensor],
) -> None:
    """Restore pictures of equal shape, all of which change, into ``out``."""
    device, precision = network.device, choose_precision(options.precision, network.device.type)
    amounts = torch.tensor([plan.amounts for plan in plans], device=device)
    asked = network.ask(
        amounts, adapters=plans[0].adapters, shared=len({plan.amounts for plan in plans}) == 1
    )
    by_cell = None
    if plans[0].needs_map:
        by_cell = _weights_by_cell(network, pictures, description, plans, options)
    for crops in _crops(network, pictures, options.tile):
        pixels, position = _stacked(crops)
        local = asked if by_cell is None else _varying(network, asked, by_cell, position, pixels)
        with arithmetic(precision, device.type):
            restored = network.restore_crops(pixels, description, local, position)
        blended = torch.lerp(pixels, restored, options.strength)
        for crop, whole, made in zip(crops, out, blended, strict=True):
            crop.put(whole, to_levels(made, whole.dtype))


@torch.inference_mode()
def map_probabilities(
    network: RestorationNetwork, picture: Tensor, *, tile: int, precision: str
) -> Iterator[tuple[Crop, Tensor]]:
    """Map one picture (3, H, W): each crop with the probability of each class, (C, h, w)."""
    yield from _map(network, [picture], describe(network, [picture]), tile, precision)


def _map(
    network: RestorationNetwork,
    pictures: Sequence[Tensor],
    description: Description,
    tile: int,
    precision: str,
) -> Iterator[tuple[Crop, Tensor]]:
    """Map pictures of equal shape: all pictures of the first crop, then of the next one."""
    precision = choose_precision(precision, network.device.type)
    for crops in _crops(network, pictures, tile):
        pixels, position = _stacked(crops)
        with arithmetic(precision, network.device.type):
            probabilities = network.segment(pixels, description, position)
        yield from zip(crops, probabilities, strict=True)


def _weights_by_cell(
    network: RestorationNetwork,
    pictures: Sequence[Tensor],
    description: Description,
    plans: Sequence[RestorationPlan],
    options: RestoreOptions,
) -> Tensor:
    """Scale the adapter weights of B pictures by their maps: (B, K, gh, gw)."""
    height, width = pictures[0].shape[1:]
    parts = []
    mapped = _map(network, pictures, description, options.tile, options.precision)
    for crop, probabilities in mapped:
        keep = crop.tile.keep
        sums = sum_by_cell(kept(probabilities, crop.tile), keep, height, width)
        parts.append((keep, sums.cpu().numpy()))
    count, step = len(network.adapters), len(pictures)
    by_cell = [
        weights_by_cell(
            plan.amounts[:count],
            join_cells(parts[row::step], height, width),
            classes=network.classes,
            degradations=[adapter.degradation for adapter in network.adapters],
        )
        for row, plan in enumerate(plans)
    ]
    return torch.from_numpy(np.stack(by_cell)).to(network.device)


def _varying(
    network: RestorationNetwork, asked: Asked, by_cell: Tensor, position: Tensor, pixels: Tensor
) -> Asked:
    spatial = network.weights_over_crop(by_cell, position, pixels.shape)
    return dataclasses.replace(asked, spatial_weights=spatial)


def _crops(
    network: RestorationNetwork, pictures: Sequence[Tensor], tile: int
) -> Iterator[tuple[Crop, ...]]:
    """Cut pictures of equal shape: the same crop of each."""
    cut = (
        crops_of(
            picture,
            tile=tile,
            halo=network.reach,
            multiple=network.config.multiple,
            device=network.device,
        )
        for picture in pictures
    )
    return zip(*cut, strict=True)


def _stacked(crops: Sequence[Crop]) -> tuple[Tensor, Tensor]:
    """Join crops: pixels (B, 3, h, w) and positions (B, 4)."""
    return torch.cat([crop.pixels for crop in crops]), torch.cat([c.position for c in crops])
