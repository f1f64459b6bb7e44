"""What a picture as a whole tells: the context of the restoring path, and the adapters' weights."""

import copy
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import RestorerConfig
from model.views import Views


def _keep_variance(layer: nn.Conv2d | nn.Linear) -> None:
    """Draw weights that keep the variance under SiLU: torch's own let it vanish layer by layer."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)


class ViewEncoder(nn.Module):
    """Pixels -> features at 1/8 of the resolution, by plain strided convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out_channels = 4 * width
        self.conv1 = nn.Conv2d(24, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1)
        self.conv4 = nn.Conv2d(4 * width, 4 * width, 3, padding=1)
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            _keep_variance(layer)
        with torch.no_grad():
            self.conv1.weight.mul_(4.0)  # pixels vary by about a quarter

    def forward(self, x: Tensor) -> Tensor:
        """Encode ``x``: (B, 3, h, w) in [0, 1] -> (B, C, h/8, w/8)."""
        lifted = torch.cat([x, x.clamp(min=0).sqrt()], dim=1) - 0.5  # the root opens the dark end
        folded = F.pixel_unshuffle(lifted, 2).contiguous(memory_format=torch.channels_last)
        y = F.silu(self.conv2(F.silu(self.conv1(folded))))
        y = F.silu(self.conv3(y))
        out: Tensor = y + F.silu(self.conv4(y))
        return out


class PictureEncoder(nn.Module):
    """Views of whole pictures -> one vector a picture, and the thumbnail's feature grid."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.near = ViewEncoder(width)
        self.far = ViewEncoder(width)
        pooled = 3 * self.near.out_channels + 2 * self.far.out_channels
        self.mix = nn.Linear(pooled, dim)
        self.out = nn.Linear(dim, dim)
        for layer in (self.mix, self.out):
            _keep_variance(layer)

    def forward(self, views: Views) -> tuple[Tensor, Tensor]:
        """Encode ``views`` -> vectors (B, D) and grids (B, C, 12, 12)."""
        batch, count = views.patches.shape[:2]
        near = self.near(views.patches.flatten(0, 1)).mean(dim=(2, 3)).view(batch, count, -1)
        far = self.far(views.thumbnail)
        pooled = torch.cat(
            [
                near.mean(dim=1),
                near.amax(dim=1),
                near.amin(dim=1),
                far.mean((2, 3)),
                far.amax((2, 3)),
            ],
            dim=1,
        )
        vector = F.silu(self.mix(pooled))
        return vector + F.silu(self.out(vector)), far


class ContextEncoder(nn.Module):
    """Views -> context vector (B, D) and context grid (B, G, 12, 12) of the restoring path."""

    def __init__(self, config: RestorerConfig) -> None:
        super().__init__()
        self.encode = PictureEncoder(config.context_width, config.context_dim)
        self.ground = nn.Conv2d(self.encode.far.out_channels, config.grid_dim, 3, padding=1)

    def forward(self, views: Views) -> tuple[Tensor, Tensor]:
        """Encode ``views`` -> vectors (B, D), grids (B, G, 12, 12)."""
        vector, far = self.encode(views)
        return vector, self.ground(far)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


class Estimator(nn.Module):
    """Views -> probability of each adapter, and of none (ABAIR, phase III).

    ``p = softmax(E(x))`` over K adapters and *none*; what goes to *none* is left to the baseline,
    so the weights of the adapters sum to at most one.
    """

    def __init__(self, config: RestorerConfig, adapters: int) -> None:
        super().__init__()
        self.encode = PictureEncoder(config.context_width, config.context_dim)
        self.classify = nn.Linear(config.context_dim, 1 + adapters)

    def grown(self, count: int) -> "Estimator":
        """Return a copy that weighs ``count`` more adapters, of which it has no opinion yet."""
        grown = copy.deepcopy(self)
        grown.classify = _linear(
            F.pad(self.classify.weight, (0, 0, 0, count)), F.pad(self.classify.bias, (0, count))
        )
        return grown

    def without(self, index: int) -> "Estimator":
        """Return a copy that forgot adapter ``index``; the others keep their proportions."""
        count = len(self.classify.weight) - 1
        return self.of([adapter for adapter in range(count) if adapter != index])

    def of(self, adapters: Sequence[int]) -> "Estimator":
        """Return a copy that weighs these of its adapters, in this order, and *none*."""
        rows = [0, *(1 + adapter for adapter in adapters)]
        chosen = copy.deepcopy(self)
        chosen.classify = _linear(self.classify.weight[rows], self.classify.bias[rows])
        return chosen

    def forward(self, views: Views) -> Tensor:
        """Estimate: -> logits (B, 1 + K), *none* first."""
        vector, _ = self.encode(views)
        logits: Tensor = self.classify(vector)
        return logits


def weights_for(
    wish: str | Mapping[str, float], estimated: Tensor, names: Sequence[str]
) -> Tensor | None:
    """Turn the estimator's weights and a wish into the weights to use.

    Args:
        wish: ``auto``, ``top``, ``none``, or the weight of each adapter by name.
        estimated: Probabilities of the adapters, shape (B, K).
        names: Of the adapters, K.

    Returns:
        Shape (B, K); None for the baseline alone.

    Raises:
        ValueError: If ``wish`` names an unknown mode or adapter.
    """
    if isinstance(wish, str):
        if wish == "auto":
            return estimated
        if wish == "top":
            return top_one(estimated)
        if wish == "none":
            return None
        raise ValueError(f"adapters must be auto, top, none or a mapping, got {wish!r}")
    unknown = sorted(set(wish) - set(names))
    if unknown:
        raise ValueError(
            f"there are no adapters {unknown}; the installed adapters are {list(names)}"
        )
    row = estimated.new_tensor([wish.get(name, 0.0) for name in names])
    return row.expand(len(estimated), -1)


def top_one(weights: Tensor) -> Tensor:
    """Keep the most probable adapter at 1 (ABAIR's OH), or none where *none* is more probable.

    Args:
        weights: Probabilities of the adapters, shape (B, K), rows sum at most 1.

    Returns:
        Shape (B, K), one 1 a row at most.
    """
    if weights.shape[1] == 0:
        return weights
    best, index = weights.max(dim=1, keepdim=True)
    rest = 1 - weights.sum(dim=1, keepdim=True)
    return torch.zeros_like(weights).scatter(1, index, (best >= rest).to(weights.dtype))
