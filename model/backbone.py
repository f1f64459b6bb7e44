"""The restoring path: a U of gated convolutions, local but for the context it is given."""

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import RestorerConfig
from model.layers import GatedBlock, Upsample, look_up
from model.lora import AdaptedConv2d, Blend


class Restored(NamedTuple):
    """What the backbone gives.

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
    """Degraded crop, context -> restored crop: ``y = t + net(x, t)`` with ``t = x exp(a) + b``.

    ``a`` (bounded softly by 4) and ``b`` are one a
    channel, from the context vector. All that is global enters by the
    context vector and the context grid, so that a crop with a margin of ``reach`` pixels gives
    what the whole picture would.
    """

    def __init__(self, config: RestorerConfig) -> None:
        super().__init__()
        self.config = config
        widths, dim, fold = config.widths, config.context_dim, config.unshuffle
        self.tone = nn.Linear(dim, 6)
        nn.init.zeros_(self.tone.weight)
        nn.init.zeros_(self.tone.bias)
        self.intro = AdaptedConv2d(6 * fold**2, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(
            Stage(width, blocks, dim)
            for width, blocks in zip(widths, config.encoder_blocks, strict=False)
        )
        self.down = nn.ModuleList(
            AdaptedConv2d(fine, coarse, 2, stride=2) for fine, coarse in itertools.pairwise(widths)
        )
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

    @property
    def reach(self) -> int:
        """Pixels: how far an input pixel can act; the margin that makes a crop exact."""
        fold, levels = self.config.unshuffle, len(self.config.widths)
        cells = [2, *[0] * (levels - 1)]  # 3×3 convolutions at each level; intro and outro first
        for level in range(levels - 1):
            cells[level] += self.config.encoder_blocks[level] + self.config.decoder_blocks[level]
        cells[-1] += self.config.middle_blocks
        steps = sum(count * (fold << level) for level, count in enumerate(cells))
        return steps + self.config.multiple - 1  # a cell of the coarsest level is read as a whole

    def forward(
        self, x: Tensor, context: Tensor, grid: Tensor, box: Tensor, blend: Blend | None = None
    ) -> Restored:
        """Restore crops.

        Args:
            x: Shape (B, 3, h, w), RGB in [0, 1]; h and w multiples of ``config.multiple``.
            context: Context vectors, shape (B, D).
            grid: Context grids over the whole pictures, shape (B, G, gh, gw).
            box: Where the crops lie in their pictures, shape (B, 4): top, left, bottom, right as
                fractions of the picture's height and width.
            blend: Weights of the adapters; none for the baseline alone.

        Returns:
            Restored crops of the shape of ``x`` and the last features.

        Raises:
            ValueError: If h or w is no multiple of ``config.multiple``.
        """
        if any(side % self.config.multiple for side in x.shape[-2:]):
            raise ValueError(
                f"crop sides must be multiples of {self.config.multiple}, got {tuple(x.shape)}"
            )
        log_gain, offset = self.tone(context).float()[:, :, None, None].chunk(2, dim=1)
        toned = x * torch.exp(4 * torch.tanh(log_gain / 4)) + offset  # (B, 3, h, w)
        folded = F.pixel_unshuffle(torch.cat([x, toned], dim=1), self.config.unshuffle)
        y = self.intro(folded.contiguous(memory_format=torch.channels_last), blend)
        skips = []
        for stage, down in zip(self.encoder, self.down, strict=True):
            y = stage(y, context, blend)
            skips.append(y)
            y = down(y, blend)
        y = y + self.ground(look_up(grid, box, y.shape[-2], y.shape[-1]), blend)
        y = self.middle(y, context, blend)
        for stage, up, skip in zip(
            reversed(self.decoder), reversed(self.up), reversed(skips), strict=True
        ):
            y = stage(up(y, blend) + skip, context, blend)
        residual = F.pixel_shuffle(self.outro(y, blend), self.config.unshuffle)
        return Restored(toned + residual, y)
