"""Encoders of whole pictures, and the estimator of the amounts of damage."""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import RestorerConfig
from model.networks.whole_picture_views import Views

_NOTHING, _FULL = 0.3, 0.75
"""Sigmoids up to which an amount is 0, and from which it is 1."""


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
    """Views of whole pictures -> one vector per picture, and the thumbnail's feature grid."""

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


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """Make a layer with copies of these tensors; no output is allowed, without torch's warning."""
    layer = nn.Linear(weight.shape[1], 1)
    layer.out_features = len(weight)
    layer.weight = nn.Parameter(weight.detach().clone())
    layer.bias = nn.Parameter(bias.detach().clone())
    return layer


class Estimator(nn.Module):
    """Views -> amount of each adapter's degradation, each on its own (ABAIR, phase III).

    The paper weighs the adapters by ``p = softmax(E(x))``. Here each amount has a sigmoid of its
    own, because a picture can contain several degradations in full, and a clean one contains none.
    """

    def __init__(self, config: RestorerConfig, adapters: int) -> None:
        super().__init__()
        self.encode = PictureEncoder(config.context_width, config.context_dim)
        drawn = nn.Linear(config.context_dim, max(1, adapters))
        self.classify = _linear(drawn.weight[:adapters], drawn.bias[:adapters])

    def grown(self, count: int) -> "Estimator":
        """Return a copy for ``count`` more adapters, for which it estimates no amount yet."""
        grown = copy.deepcopy(self)
        grown.classify = _linear(
            F.pad(self.classify.weight, (0, 0, 0, count)),
            F.pad(self.classify.bias, (0, count), value=-4.0),
        )
        return grown

    def without(self, index: int) -> "Estimator":
        """Return a copy without the output for adapter ``index``."""
        count = len(self.classify.weight)
        return self.of([adapter for adapter in range(count) if adapter != index])

    def of(self, adapters: Sequence[int]) -> "Estimator":
        """Return a copy with the outputs of these adapters, in this order."""
        rows = list(adapters)
        chosen = copy.deepcopy(self)
        chosen.classify = _linear(self.classify.weight[rows], self.classify.bias[rows])
        return chosen

    def forward(self, views: Views) -> Tensor:
        """Estimate ``views`` of B pictures -> logits (B, K), one for each adapter."""
        vector, _ = self.encode(views)
        logits: Tensor = self.classify(vector)
        return logits


def amounts_from(logits: Tensor) -> Tensor:
    """Turn logits into amounts in [0, 1].

    A degradation that is unlikely is left alone: a photograph that is restored for
    damage that it does not have loses more than a damaged one that stays as it is. What is likely
    is asked for in full, because half an amount leaves half of the damage.
    """
    return ((logits.float().sigmoid() - _NOTHING) / (_FULL - _NOTHING)).clamp(0, 1)
