"""Pieces of the restoring path; each is local, so the network's reach is the sum of theirs."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.networks.lora import AdaptedConv2d, Blend


class ContextNorm(nn.Module):
    """Normalise over channels, scaled and shifted by the context: ``n(x) (1 + s(c)) + t(c)``.

    The scale and shift are one a picture and channel; at initialisation they are the plain
    learned ones of a layer norm.
    """

    def __init__(self, channels: int, context_dim: int) -> None:
        super().__init__()
        self.channels = channels
        self.modulation = nn.Linear(context_dim, 2 * channels)
        nn.init.zeros_(self.modulation.weight)
        with torch.no_grad():
            self.modulation.bias.copy_(torch.cat([torch.ones(channels), torch.zeros(channels)]))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Normalise ``x``: (B, C, h, w) under ``context``: (B, D) -> (B, C, h, w)."""
        scale, shift = self.modulation(context)[:, :, None, None].chunk(2, dim=1)  # (B, C, 1, 1)
        normal = F.layer_norm(x.permute(0, 2, 3, 1), (self.channels,)).permute(0, 3, 1, 2)
        return torch.addcmul(shift.to(normal.dtype), normal, scale.to(normal.dtype))


class GatedBlock(nn.Module):
    """``x + project(gate(expand(norm(x))))``: a 3×3 to 2C channels, a product of halves, a 1×1."""

    def __init__(self, channels: int, context_dim: int) -> None:
        super().__init__()
        self.norm = ContextNorm(channels, context_dim)
        self.expand = AdaptedConv2d(channels, 2 * channels, 3, padding=1)
        self.project = AdaptedConv2d(channels, channels, 1)

    def forward(self, x: Tensor, context: Tensor, blend: Blend | None = None) -> Tensor:
        """Refine ``x``: (B, C, h, w) -> (B, C, h, w)."""
        value, gate = self.expand(self.norm(x, context), blend).chunk(2, dim=1)
        out: Tensor = x + self.project(value * gate, blend)
        return out


class Upsample(nn.Module):
    """Double the resolution: (B, C, h, w) -> (B, C', 2h, 2w)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = AdaptedConv2d(in_channels, 4 * out_channels, 1)

    def forward(self, x: Tensor, blend: Blend | None = None) -> Tensor:
        """Mix channels and unfold them into 2×2 pixels."""
        return F.pixel_shuffle(self.conv(x, blend), 2)


def look_up(grid: Tensor, box: Tensor, height: int, width: int) -> Tensor:
    """Interpolate (B, G, gh, gw) at the cells of crops: -> (B, G, ``height``, ``width``)."""
    top, left, bottom, right = box.float()[:, :, None].unbind(dim=1)  # (B, 1) each
    rows = (torch.arange(height, device=box.device) + 0.5) / height  # (h,)
    columns = (torch.arange(width, device=box.device) + 0.5) / width  # (w,)
    ys = (top + (bottom - top) * rows) * 2 - 1  # (B, h)
    xs = (left + (right - left) * columns) * 2 - 1  # (B, w)
    points = torch.stack(
        [
            xs[:, None, :].expand(-1, height, -1),
            ys[:, :, None].expand(-1, -1, width),
        ],
        dim=-1,
    )  # (B, h, w, 2)
    found = F.grid_sample(grid.float(), points, padding_mode="border", align_corners=False)
    return found.to(grid.dtype).contiguous(memory_format=torch.channels_last)
