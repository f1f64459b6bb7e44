"""Global and edge-aware colour: a bilateral grid of affine colour transforms.

After Gharbi et al., "Deep bilateral learning for real-time image enhancement" (SIGGRAPH 2017): a
small grid over place and brightness holds one affine colour transform per cell. It is made once
from the features of the whole picture. Each pixel takes the transform of its own place and
brightness, so that bright and dark things beside each other are treated differently, without halos.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import RestorerConfig
from model.networks.lora import AdaptedConv2d, Blend

_COEFFICIENTS = 12  # a 3x3 matrix and an offset
_BOUND = 4.0  # softly bounds every coefficient, so that no picture can make them explode
_LUMA = (0.299, 0.587, 0.114)


class BilateralTone(nn.Module):
    """Whole-picture features -> affine colour transforms -> a change of each pixel's colour.

    It works on pictures folded by ``config.unshuffle`` (``u``): the u x u pixels of a fold share
    one transform.
    """

    def __init__(self, config: RestorerConfig) -> None:
        super().__init__()
        self.bins = config.tone_bins
        features = 4 * config.context_width + config.context_dim
        self.mix = AdaptedConv2d(features, config.tone_width, 1)
        self.cells = AdaptedConv2d(
            config.tone_width, _COEFFICIENTS * config.tone_bins, 3, padding=1
        )
        nn.init.zeros_(self.cells.weight)
        assert self.cells.bias is not None
        nn.init.zeros_(self.cells.bias)

    def forward(
        self, folded: Tensor, context: Tensor, features: Tensor, box: Tensor, blend: Blend | None
    ) -> Tensor:
        """Compute the change of colour at each pixel.

        Args:
            folded: Crops, shape (B, 3, u * u, h, w), RGB in [0, 1].
            context: Context vectors, shape (B, D).
            features: Features of the whole pictures' thumbnails, shape (B, F, gh, gw).
            box: Where the crops lie in their pictures, shape (B, 4), fractions.
            blend: Weights of the adapters, the same all over a picture.

        Returns:
            What is to be added to ``folded``, same shape, float32; 0 at initialisation.
        """
        beside = context[:, :, None, None].expand(-1, -1, *features.shape[-2:])
        mixed = F.silu(self.mix(torch.cat([features, beside.to(features.dtype)], dim=1), blend))
        cells = self.cells(mixed, blend).float()
        grid = _BOUND * torch.tanh(cells / _BOUND)
        grid = grid.view(len(grid), _COEFFICIENTS, self.bins, *grid.shape[-2:])
        transform = slice_grid(grid, _guide(folded), box)  # (B, 12, h, w)
        matrix = transform[:, :9].view(len(grid), 3, 3, *transform.shape[-2:])
        offset = transform[:, 9:, None]
        change = matrix[:, :, 0, None] * folded[:, None, 0]  # (B, 3, u * u, h, w)
        for channel in (1, 2):
            change = torch.addcmul(change, matrix[:, :, channel, None], folded[:, None, channel])
        moved: Tensor = change + offset
        return moved


def _guide(folded: Tensor) -> Tensor:
    """Return the brightness (B, h, w) in [0, 1] at which each fold looks its transform up.

    It is smoothed over 3x3 folds, so that noise does not pick transforms at random, and its root
    is taken, which spreads the dark end over several of the grid's levels.
    """
    luma = torch.einsum("bcfhw,c->bhw", folded, folded.new_tensor(_LUMA)) / folded.shape[2]
    smooth = F.avg_pool2d(luma[:, None], 3, stride=1, padding=1, count_include_pad=False)
    return smooth[:, 0].clamp(0, 1).sqrt()


def slice_grid(grid: Tensor, guide: Tensor, box: Tensor) -> Tensor:
    """Interpolate a grid (B, C, bins, gh, gw) at each place and guide -> (B, C, h, w).

    The rows are interpolated first, each into a small picture of (bins, gw), which is then sampled
    at (guide, column): a bilinear lookup instead of a trilinear one, four times as fast on a CPU.
    """
    batch, channels, _, rows, _ = grid.shape
    height, width = guide.shape[-2:]
    top, left, bottom, right = box.float()[:, :, None].unbind(dim=1)  # (B, 1) each
    centres = (torch.arange(height, device=box.device) + 0.5) / height
    y = ((top + (bottom - top) * centres) * rows - 0.5).clamp(0, rows - 1)  # (B, h)
    above = y.floor().long()
    below = (above + 1).clamp(max=rows - 1)
    by_row, pictures = grid.movedim(3, 1), torch.arange(batch, device=box.device)[:, None]
    share = (y - above)[:, :, None, None, None]
    row = torch.lerp(by_row[pictures, above], by_row[pictures, below], share).flatten(0, 1)
    columns = (torch.arange(width, device=box.device) + 0.5) / width
    xs = ((left + (right - left) * columns) * 2 - 1)[:, None, :].expand(-1, height, -1)
    points = torch.stack([xs, guide * 2 - 1], dim=-1).flatten(0, 1)[:, None]  # (B h, 1, w, 2)
    found = F.grid_sample(row, points, padding_mode="border", align_corners=False)
    return found.view(batch, height, channels, width).transpose(1, 2)
