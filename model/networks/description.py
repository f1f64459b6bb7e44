"""What a look at whole pictures gives: features and amounts, computed once per picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Description:
    """Whole-picture features, computed once and shared by all tiles.

    Attributes:
        context: Context vectors, shape (B, D).
        features: Features of the pictures' thumbnails, shape (B, F, gh, gw).
        amounts: Estimated amount of each adapter's degradation, shape (B, K), in [0, 1].
    """

    context: Tensor
    features: Tensor
    amounts: Tensor

    def select(self, index: int) -> "Description":
        """Return the description of one picture, B = 1."""
        one = slice(index, index + 1)
        return Description(self.context[one], self.features[one], self.amounts[one])

    @staticmethod
    def stack(items: Sequence["Description"]) -> "Description":
        """Join descriptions along the batch."""
        return Description(
            torch.cat([item.context for item in items]),
            torch.cat([item.features for item in items]),
            torch.cat([item.amounts for item in items]),
        )
