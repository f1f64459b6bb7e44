"""Quality of restored pictures and degradation maps: pure functions, one value per picture.

Conventions, without switches: RGB, values in [0, 1], the full picture without a crop, one value per
picture, averaged afterwards. The numbers are those of scikit-image; the tests hold them to it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 11
"""Side of the SSIM window, pixels."""
SIGMA = 1.5
"""Standard deviation of the SSIM window's Gaussian, pixels."""
_C1, _C2 = 0.01**2, 0.03**2


def psnr(restored: Tensor, clean: Tensor, *, cap: float | None = None) -> Tensor:
    """Peak signal-to-noise ratio of each picture.

    Args:
        restored: Shape (B, C, H, W), float in [0, 1].
        clean: Same shape and range.
        cap: Largest value returned, dB; without it equal pictures give infinity.

    Returns:
        Shape (B,), dB.

    Raises:
        ValueError: If the shapes differ or aren't (B, C, H, W).
    """
    _check(restored, clean)
    error = (restored.float() - clean.float()).square().mean(dim=(1, 2, 3))
    value = -10 * torch.log10(error)
    return value if cap is None else value.clamp(max=cap)


def ssim(restored: Tensor, clean: Tensor) -> Tensor:
    """Structural similarity of each picture, mean over channels (Wang et al. 2004).

    An 11×11 Gaussian window of sigma 1.5 that stays inside the picture, K1 = 0.01, K2 = 0.03,
    population covariance.

    Args:
        restored: Shape (B, C, H, W), float in [0, 1], H and W at least 11.
        clean: Same shape and range.

    Returns:
        Shape (B,), in [-1, 1].

    Raises:
        ValueError: If the shapes differ, aren't (B, C, H, W), or are smaller than the window.
    """
    _check(restored, clean)
    if min(restored.shape[-2:]) < WINDOW:
        raise ValueError(
            f"ssim wants at least {WINDOW}x{WINDOW} pixels, got {tuple(restored.shape)}"
        )
    # In one stack a window passes once; double, because variances are differences of near equals.
    x, y = restored.double(), clean.double()
    means = _blur(torch.stack([x, y, x * x, y * y, x * y]))
    mean_x, mean_y, square_x, square_y, product = means
    covariance = product - mean_x * mean_y
    variances = square_x - mean_x**2 + square_y - mean_y**2
    index = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    index = index / ((mean_x**2 + mean_y**2 + _C1) * (variances + _C2))
    out: Tensor = index.mean(dim=(1, 2, 3)).float()
    return out


def confusion(labels: Tensor, truth: Tensor, classes: int) -> Tensor:
    """Count pixels by class.

    Args:
        labels: Predicted class of each pixel, any shape, integer in [0, ``classes``).
        truth: True class of each pixel, same shape and range.
        classes: Number of classes, C.

    Returns:
        Shape (C, C), int64: row = truth, column = prediction. Matrices of pictures add up.

    Raises:
        ValueError: If the shapes differ or a label is out of range.
    """
    if labels.shape != truth.shape:
        raise ValueError(f"shapes must agree, got {tuple(labels.shape)} and {tuple(truth.shape)}")
    pair = truth.long().flatten() * classes + labels.long().flatten()
    both = torch.stack([labels.long().flatten(), truth.long().flatten()])
    if both.numel() and (both.min() < 0 or both.max() >= classes):
        raise ValueError(f"labels must be in [0, {classes}), got {both.min()} to {both.max()}")
    return torch.bincount(pair, minlength=classes * classes).view(classes, classes)


def class_iou(matrix: Tensor) -> Tensor:
    """Intersection over union of each class.

    Args:
        matrix: Counts of ``confusion``, shape (C, C).

    Returns:
        Shape (C,), in [0, 1]; NaN for a class that the truth doesn't hold.
    """
    present = matrix.sum(dim=1)
    hits = matrix.diagonal().double()
    union = present + matrix.sum(dim=0) - hits
    return torch.where(present > 0, hits / union, torch.nan)


def mean_iou(matrix: Tensor) -> float:
    """Mean of ``class_iou`` over the classes that occur in the truth.

    Pixels wrongly given to a class that doesn't occur are misses of the class they belong to.

    Args:
        matrix: Counts of ``confusion``, shape (C, C), of one picture or the sum of many.

    Returns:
        In [0, 1]; NaN for an empty matrix.
    """
    return class_iou(matrix).nanmean().item()


def _check(restored: Tensor, clean: Tensor) -> None:
    if restored.shape != clean.shape or restored.dim() != 4:
        raise ValueError(
            f"two pictures of one shape (B, C, H, W) are compared, got {tuple(restored.shape)} "
            f"and {tuple(clean.shape)}"
        )


def _blur(stack: Tensor) -> Tensor:
    """Average (N, B, C, H, W) over the window where it fits -> (N, B, C, H - 10, W - 10)."""
    offsets = torch.arange(WINDOW, dtype=stack.dtype, device=stack.device) - WINDOW // 2
    kernel = torch.exp(-0.5 * (offsets / SIGMA) ** 2)
    kernel = kernel / kernel.sum()
    planes = stack.flatten(0, 2)[:, None]  # (N·B·C, 1, H, W)
    planes = F.conv2d(planes, kernel.view(1, 1, WINDOW, 1))
    planes = F.conv2d(planes, kernel.view(1, 1, 1, WINDOW))
    return planes.view(*stack.shape[:3], *planes.shape[-2:])
