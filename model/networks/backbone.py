"""The backbone: a U of gated convolutions that restores crops with whole-picture features."""

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import Degradation, RestorerConfig
from model.networks.asked import Asked
from model.networks.description import Description
from model.networks.layers import GatedBlock, Upsample, sample_grid
from model.networks.lora import AdaptedConv2d, Blend
from model.networks.tone import BilateralTone

_RELIT = (Degradation.HAZE, Degradation.LOWLIGHT)
"""Degradations whose removal changes brightness and colour all over a picture."""

_OPEN = 2.2  # logit at which the pixel gate begins, almost open


class Blends(NamedTuple):
    """Adapter weights spread over rank components; None where the baseline works alone.

    Attributes:
        whole: For the layers that work on the features of whole pictures.
        local: For the layers that work on crops.
    """

    whole: Blend | None = None
    local: Blend | None = None


class Restored(NamedTuple):
    """Output of the backbone.

    Attributes:
        image: Shape (B, 3, h, w), about [0, 1] but not clamped.
        features: The last ones, shape (B, C, h/u, w/u), for the segmentation head.
    """

    image: Tensor
    features: Tensor


class Stage(nn.Module):
    """Gated blocks of one level."""

    def __init__(self, channels: int, blocks: int, context_dim: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(GatedBlock(channels, context_dim) for _ in range(blocks))

    def forward(self, x: Tensor, context: Tensor, blend: Blend | None) -> Tensor:
        """Refine ``x``: (B, C, h, w) -> (B, C, h, w)."""
        for block in self.blocks:
            x = block(x, context, blend)
        return x


class Backbone(nn.Module):
    """Restores a degraded crop by removing the amount of each degradation that is asked for.

    ``y = x + g m(x) (t + net(x, t) - x)`` with ``t`` the picture in new tones. ``g``
    (``Asked.gate``) limits the change to what is asked for, and is 0 where nothing is asked. ``m``
    is a gate that the network computes for each pixel.
    Global information enters only by the whole-picture features and the amounts that are asked for.
    A crop with a margin of ``reach`` pixels therefore gives what the whole picture would give.
    """

    def __init__(self, config: RestorerConfig) -> None:
        super().__init__()
        self.config = config
        widths, dim, fold = config.widths, config.context_dim, config.unshuffle
        kinds = config.degradations
        self._relit = [kinds.index(kind) for kind in _RELIT if kind in kinds]
        self.tell = nn.Sequential(
            nn.Linear(dim + len(kinds), dim), nn.SiLU(), nn.Linear(dim, dim, bias=False)
        )
        nn.init.zeros_(self.tell[-1].weight)  # type: ignore[arg-type]
        self.tone = nn.Linear(dim, 6)
        nn.init.zeros_(self.tone.weight)
        nn.init.zeros_(self.tone.bias)
        self.grid = BilateralTone(config)
        self.intro = AdaptedConv2d(6 * fold**2, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(
            Stage(width, blocks, dim)
            for width, blocks in zip(widths, config.encoder_blocks, strict=False)
        )
        self.down = nn.ModuleList(
            AdaptedConv2d(fine, coarse, 2, stride=2) for fine, coarse in itertools.pairwise(widths)
        )
        self.spread = AdaptedConv2d(4 * config.context_width, config.grid_dim, 3, padding=1)
        self.ground = AdaptedConv2d(config.grid_dim, widths[-1], 1)
        self.middle = Stage(widths[-1], config.middle_blocks, dim)
        self.up = nn.ModuleList(
            Upsample(coarse, fine) for fine, coarse in itertools.pairwise(widths)
        )
        self.decoder = nn.ModuleList(
            Stage(width, blocks, dim)
            for width, blocks in zip(widths, config.decoder_blocks, strict=False)
        )
        self.outro = AdaptedConv2d(widths[0], 3 * fold**2, 3, padding=1)
        for parameter in self.outro.parameters():
            nn.init.zeros_(parameter)
        self.gate = nn.Conv2d(widths[0], fold**2, 1)
        nn.init.zeros_(self.gate.weight)
        assert self.gate.bias is not None
        nn.init.constant_(self.gate.bias, _OPEN)

    @property
    def reach(self) -> int:
        """Pixels: how far an input pixel can act; the margin that makes a crop exact."""
        fold, levels = self.config.unshuffle, len(self.config.widths)
        # 3x3 windows at each level; intro, outro and the guide of the tones at the first.
        cells = [3, *[0] * (levels - 1)]
        for level in range(levels - 1):
            cells[level] += self.config.encoder_blocks[level] + self.config.decoder_blocks[level]
        cells[-1] += self.config.middle_blocks
        steps = sum(count * (fold << level) for level, count in enumerate(cells))
        return steps + self.config.multiple - 1  # a cell of the coarsest level is read as a whole

    def forward(
        self,
        x: Tensor,
        description: Description,
        asked: Asked,
        position: Tensor,
        blends: Blends = Blends(),  # noqa: B008 - immutable
    ) -> Restored:
        """Restore crops.

        Args:
            x: Shape (B, 3, h, w), RGB in [0, 1]; h and w multiples of ``config.multiple``.
            description: Of the pictures that the crops are from, B.
            asked: What is to be removed from them, B.
            position: Where the crops lie in their pictures, shape (B, 4): top, left, bottom and
                right as fractions of the picture's height and width.
            blends: Weights of the adapters; none for the baseline alone.

        Returns:
            Restored crops of the shape of ``x`` and the last features.

        Raises:
            ValueError: If h or w is no multiple of ``config.multiple``.
        """
        if any(side % self.config.multiple for side in x.shape[-2:]):
            raise ValueError(
                f"crop sides must be multiples of {self.config.multiple}, got {tuple(x.shape)}"
            )
        context = description.context
        amounts = asked.baseline_amounts.to(context.dtype)
        context = context + self.tell(torch.cat([context, amounts], dim=1))
        fold = self.config.unshuffle
        folded = F.pixel_unshuffle(x, fold).reshape(
            len(x), 3, fold**2, x.shape[-2] // fold, x.shape[-1] // fold
        )
        toned = self._retone(folded, context, description, asked, position, blends.whole)
        features = self._features(
            torch.cat([folded.flatten(1, 2), toned.flatten(1, 2)], dim=1),
            context,
            self.spread(description.features, blends.whole),
            position,
            blends.local,
        )
        residual = self.outro(features, blends.local).float().reshape(folded.shape)
        gate = asked.gate.float()
        if gate.shape[-1] != 1:
            gate = F.interpolate(gate, size=folded.shape[-2:])
        opened = (1.2 * self.gate(features).float().sigmoid() - 0.1).clamp(0, 1)
        change = toned + residual - folded
        restored = torch.addcmul(folded, (gate * opened)[:, None], change)
        return Restored(F.pixel_shuffle(restored.flatten(1, 2), fold), features)

    def _retone(
        self,
        folded: Tensor,
        context: Tensor,
        description: Description,
        asked: Asked,
        position: Tensor,
        blend: Blend | None,
    ) -> Tensor:
        """Give the crops new tones: one gain and offset per channel, and the bilateral grid.

        The grid takes part where haze or low light is to be removed.
        """
        share = (4 * asked.baseline_amounts[:, self._relit].amax(dim=1)).clamp(max=1)
        relit = share[:, None, None, None, None]
        log_gain, offset = self.tone(context).float()[:, :, None, None, None].chunk(2, dim=1)
        toned = torch.addcmul(offset, folded, torch.exp(4 * torch.tanh(log_gain / 4)))
        change = self.grid(folded, context, description.features, position, blend)
        return torch.addcmul(toned, relit, change)

    def _features(
        self, x: Tensor, context: Tensor, grid: Tensor, position: Tensor, blend: Blend | None
    ) -> Tensor:
        """Run the U: folded crops (B, 6 u u, h, w) -> the last features (B, C, h, w)."""
        y = self.intro(x.contiguous(memory_format=torch.channels_last), blend)
        skips = []
        for stage, down in zip(self.encoder, self.down, strict=True):
            y = stage(y, context, blend)
            skips.append(y)
            y = down(y, blend)
        y = y + self.ground(sample_grid(grid, position, y.shape[-2], y.shape[-1]), blend)
        y = self.middle(y, context, blend)
        for stage, up, skip in zip(
            reversed(self.decoder), reversed(self.up), reversed(skips), strict=True
        ):
            y = stage(up(y, blend) + skip, context, blend)
        features: Tensor = y
        return features
