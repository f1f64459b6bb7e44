"""What the network is asked for: how much of each degradation to remove from each picture."""

from dataclasses import dataclass

import torch
from torch import Tensor

_FULL_CHANGE = 0.25
"""Amount from which a picture may change as much as the network wants."""


@dataclass(frozen=True)
class Asked:
    """What is asked for B pictures.

    Attributes:
        told: Amounts of the baseline's own degradations, shape (B, N), in [0, 1], in the order of
            ``RestorerConfig.degradations``. They are the same all over a picture.
        weights: Weights of the adapters, shape (B, K), in [0, 1]; None for the baseline alone.
        field: Weights that vary over the crops, shape (B, K, h, w); None where they don't vary.
        alone: Largest amount that is asked of the baseline alone, shape (B,), in [0, 1]: of
            degradations that no adapter removes. It counts where the weights vary, too.
    """

    told: Tensor
    weights: Tensor | None = None
    field: Tensor | None = None
    alone: Tensor | None = None

    @property
    def gate(self) -> Tensor:
        """How much the pictures may change, shape (B, 1, 1, 1) or (B, 1, h, w), in [0, 1].

        It is 0 where nothing is asked, so that the answer there is the picture itself, exactly.
        """
        most = self.told.amax(dim=1)[:, None, None, None]
        if self.weights is not None and self.weights.shape[1]:
            weight = self.weights.amax(dim=1)[:, None, None, None]
            most = most.maximum(weight)
            if self.field is not None:
                local = self.field.amax(dim=1, keepdim=True)
                if self.alone is not None:
                    local = local.maximum(self.alone[:, None, None, None])
                most = torch.where(weight > 0, local, most)
        return (most / _FULL_CHANGE).clamp(max=1)
