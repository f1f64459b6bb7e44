"""Which degradation is at each pixel (ABAIR, phase I: the auxiliary segmentation head)."""

import torch.nn.functional as F
from torch import Tensor, nn

from model.config import RestorerConfig


class SegmentationHead(nn.Module):
    """The backbone's last features -> class logits at full resolution."""

    def __init__(self, config: RestorerConfig) -> None:
        super().__init__()
        self.fold = config.unshuffle
        width, classes = config.widths[0], len(config.classes)
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.classify = nn.Conv2d(width, classes * self.fold**2, 3, padding=1)

    @property
    def reach(self) -> int:
        """Pixels that the head looks beyond the backbone's reach."""
        return 2 * self.fold

    def forward(self, features: Tensor) -> Tensor:
        """Classify: (B, C, h/u, w/u) -> logits (B, classes, h, w)."""
        return F.pixel_shuffle(self.classify(F.silu(self.mix(features))), self.fold)
