"""One step's pictures, as training computes with them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from model.config import CLASSES
from model.networks.whole_picture_views import Views, as_float

IGNORE = 255
"""Label of pixels whose class is undefined, such as under two degradations at once."""


@dataclass
class Batch:
    """One step's P pictures and the B crops of them, those of one picture beside each other.

    Made in bytes, which travel four times as fast; ``on`` a device floats.

    Attributes:
        degraded: Crops, shape (B, 3, h, w); uint8 as made, else in [0, 1].
        target: The same crops without what is asked to be removed, same shape and type.
        labels: Class of each pixel, (B, h, w), uint8; ``IGNORE`` where undefined.
        box: Where the crops lie in their pictures, (B, 4), fractions.
        shares: Share of each class in the whole pictures, (P, C): of their area, or equal parts
            for degradations that lie over each other. Rows sum to 1.
        amounts: Amount of each class in the whole pictures, (P, C), in [0, 1]; 0 for clean.
        asked: Amount of each class that is to be removed, (P, C), in [0, 1]; 0 for clean.
        views: Of the whole degraded pictures; their patches are uint8 as made.
        classes: Names of the C classes: the map's, then degradations that it doesn't know.
    """

    degraded: Tensor
    target: Tensor
    labels: Tensor
    box: Tensor
    shares: Tensor
    amounts: Tensor
    asked: Tensor
    views: Views
    classes: tuple[str, ...] = CLASSES

    def tensors(self) -> tuple[Tensor, ...]:
        """Return all tensors, in an order of their own."""
        views = self.views.thumbnail, self.views.patches
        of_pictures = self.shares, self.amounts, self.asked
        return self.degraded, self.target, self.labels, self.box, *of_pictures, *views

    def map(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """Return a batch whose tensors are ``change`` of these."""
        *tensors, thumbnail, patches = map(change, self.tensors())
        degraded, target, labels, box, shares, amounts, asked = tensors
        views = Views(thumbnail, patches)
        return Batch(degraded, target, labels, box, shares, amounts, asked, views, self.classes)

    def on(self, device: torch.device) -> "Batch":
        """Return what training computes with: all of it on ``device``, pictures in [0, 1]."""
        moved = self.map(lambda tensor: tensor.to(device, non_blocking=True))
        return replace(moved.map(as_float), labels=moved.labels)

    def per_crop(self, values: Tensor) -> Tensor:
        """Repeat values of each picture, (P, ...), for each of its crops, (B, ...)."""
        crops = len(self.degraded) // len(self.shares)
        return values[:, None].expand(-1, crops, *values.shape[1:]).flatten(0, 1)

    def layered(self) -> Tensor:
        """Tell of each crop, (B,), whether its degradations lie over each other."""
        return self.labels.flatten(1).eq(IGNORE).all(dim=1)

    def of(self, name: str, values: Tensor) -> Tensor:
        """Return the column of one class of (P, C) ``values``, (P,); 0 for one that isn't drawn."""
        if name not in self.classes:
            return values.new_zeros(len(values))
        return values[:, self.classes.index(name)]
