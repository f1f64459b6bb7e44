"""What a look at whole pictures tells."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Description:
    """What whole pictures tell, computed once each; all that restoring their crops needs.

    Attributes:
        context: Context vectors, shape (B, D).
        grid: Context grids, shape (B, G, gh, gw).
        weights: Probability of each adapter, shape (B, K), sums at most 1.
    """

    context: Tensor
    grid: Tensor
    weights: Tensor

    def select(self, index: int) -> "Description":
        """Return the description of one picture, B = 1."""
        one = slice(index, index + 1)
        return Description(self.context[one], self.grid[one], self.weights[one])

    @staticmethod
    def stack(items: Sequence["Description"]) -> "Description":
        """Join descriptions along the batch."""
        return Description(
            torch.cat([item.context for item in items]),
            torch.cat([item.grid for item in items]),
            torch.cat([item.weights for item in items]),
        )
