"""What is told of a model and its adapters, and what a look at whole pictures tells."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class AdapterInfo:
    """What is told about a resident adapter.

    Attributes:
        name: How requests name it.
        title: For people.
        degradation: The kind of damage it removes.
        rank: Rank of its update.
        scaling: Factor of its update, alpha / rank.
        parameters: Count of its weights.
        bytes: Size of its weights file; 0 when it was never saved.
        sha256: Digest of its weights file; empty when it was never saved.
        gain_db: Measured gain over the input on its own task, dB; None when not measured.
        licence: Terms of its weights.
    """

    name: str
    title: str
    degradation: str
    rank: int
    scaling: float = 1.0
    parameters: int = 0
    bytes: int = 0
    sha256: str = ""
    gain_db: float | None = None
    licence: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What is told about the baseline: name, digest of its weights file, sizes, terms."""

    name: str = "untrained"
    sha256: str = ""
    parameters: int = 0
    licence: str = ""


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
