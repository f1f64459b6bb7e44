"""What each phase minimises, and the formulas of which its losses consist."""

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor

from model.config import CLASSES, CLEAN, Degradation
from model.networks.asked import Asked
from model.networks.description import Description
from model.networks.restoration import RestorationNetwork
from model.training.batch import IGNORE, Batch

CLASS_WEIGHTS = {
    CLEAN: 0.5,
    Degradation.NOISE: 2.0,
    Degradation.BLUR: 1.0,
    Degradation.RAIN: 1.3,
    Degradation.HAZE: 0.8,
    Degradation.LOWLIGHT: 0.5,
}
"""Weight of a picture of each class in the loss of phase I. Haze and low light weigh less: their
errors cover the whole picture, so their gradients are larger (docs/lessons.md#loss-weights)."""

Losses = dict[str, Tensor]
"""Named losses of a step; their weighted sum is minimised."""


def baseline_losses(network: RestorationNetwork, batch: Batch) -> Losses:
    """Compute the losses of restoration and segmentation."""
    out = network(batch.degraded, _describe(network, batch), _asked(network, batch), batch.position)
    logits = network.head(out.features)
    of_classes = batch.shares.new_tensor([CLASS_WEIGHTS[name] for name in CLASSES])
    weights = batch.per_crop(batch.shares @ of_classes)
    weights = torch.where(batch.layered(), 1.0, weights) * _to_restore(batch)
    return {
        "restoration": log_mse(out.image, batch.target, weights),
        "segmentation": segmentation_loss(logits, batch.labels),
    }


def adapter_losses(network: RestorationNetwork, batch: Batch) -> Losses:
    """Compute the loss of restoration with the one installed adapter."""
    with torch.no_grad():
        description = _describe(network, batch)
    asked = _asked(network, batch)
    weights = batch.per_crop(batch.of(network.adapters[0].degradation, batch.asked))[:, None]
    asked = dataclasses.replace(asked, adapter_weights=weights)
    out = network(batch.degraded, description, asked, batch.position)
    return {"restoration": log_mse(out.image, batch.target, _to_restore(batch))}


def estimator_losses(network: RestorationNetwork, batch: Batch) -> Losses:
    """Compute the loss of the estimated amounts."""
    there = [batch.of(adapter.degradation, batch.amounts) for adapter in network.adapters]
    logits = network.estimator(batch.views)
    return {"estimation": amount_loss(logits, torch.stack(there, dim=1))}


def _to_restore(batch: Batch) -> Tensor:
    """Give 1 for each crop whose restoration counts, (B,), and 0 for the others.

    It does not count where low light in a part of a picture is to be removed: that teaches that
    whatever is black in a bright picture was badly lit (docs/lessons.md#partial-low-light).
    """
    dark = batch.per_crop(batch.of(Degradation.LOWLIGHT, batch.shares))
    asked = batch.per_crop(batch.of(Degradation.LOWLIGHT, batch.asked)) > 0
    return ((dark == 0) | (dark == 1) | batch.layered() | ~asked).float()


def _describe(network: RestorationNetwork, batch: Batch) -> Description:
    """Encode the whole pictures; no phase that restores needs the estimator's amounts."""
    context, features = map(batch.per_crop, network.context(batch.views))
    return Description(context, features, context.new_zeros(len(context), 0))


def _asked(network: RestorationNetwork, batch: Batch) -> Asked:
    """Return what is asked of the baseline."""
    kinds = network.config.degradations
    amounts = torch.stack([batch.of(kind, batch.asked) for kind in kinds], dim=1)
    return Asked(batch.per_crop(amounts))


def log_mse(
    restored: Tensor, clean: Tensor, weights: Tensor | None = None, floor: float = 1e-4
) -> Tensor:
    """Mean over pictures of ``log(MSE + floor)``: PSNR as a loss.

    Each picture counts by its relative error, so that haze and darkness, whose errors are large,
    don't starve noise and rain. The floor, 40 dB, stops what is already clean from ruling.

    Args:
        restored: Shape (B, 3, h, w).
        clean: Same shape, [0, 1].
        weights: What each picture counts, shape (B,); 1 if None.
        floor: Mean squared error added.

    Returns:
        Scalar.
    """
    error = (restored.float() - clean).square().mean(dim=(1, 2, 3))  # (B,)
    logs = torch.log(error + floor)
    return logs.mean() if weights is None else (weights * logs).mean()


def segmentation_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Per-pixel cross-entropy (ABAIR, L_CE); pixels labelled ``IGNORE`` don't count.

    Args:
        logits: Shape (B, C, h, w).
        labels: Shape (B, h, w), uint8.
    """
    total = F.cross_entropy(logits.float(), labels.long(), ignore_index=IGNORE, reduction="sum")
    return total / (labels != IGNORE).sum().clamp(min=1)  # a batch may have none


def amount_loss(logits: Tensor, amounts: Tensor) -> Tensor:
    """Binary cross-entropy of the estimator against the amount of each degradation.

    Args:
        logits: Shape (B, K).
        amounts: Shape (B, K), in [0, 1].
    """
    return F.binary_cross_entropy_with_logits(logits.float(), amounts)
