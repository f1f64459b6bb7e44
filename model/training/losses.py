"""Losses of the phases."""

import torch
import torch.nn.functional as F
from torch import Tensor

from model.training.batch import IGNORE


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
