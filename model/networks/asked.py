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
        baseline_amounts: Amounts of the baseline's own degradations, shape (B, N), in [0, 1], in
            the order of ``RestorerConfig.degradations``. These amounts do not vary over a picture.
        adapter_weights: Weights of the adapters, shape (B, K), in [0, 1]; None for the baseline
            without adapters.
        spatial_weights: Weights of the adapters that vary over the crops, shape (B, K, h, w); None
            where they don't vary.
        unadapted: Largest amount that is asked of the baseline without adapters, shape (B,), in
            [0, 1]: of degradations that no adapter removes. It counts where the weights vary, too.
        shared: Whether all B pictures have the same ``adapter_weights``. The adapters are then
            merged into the kernels, which is faster. The caller knows this; comparing the weights
            here would wait for the GPU.
    """

    baseline_amounts: Tensor
    adapter_weights: Tensor | None = None
    spatial_weights: Tensor | None = None
    unadapted: Tensor | None = None
    shared: bool = False

    @property
    def gate(self) -> Tensor:
        """How much the pictures may change, shape (B, 1, 1, 1) or (B, 1, h, w), in [0, 1].

        It is 0 where nothing is asked, so that the answer there is the picture itself, exactly.
        """
        most = self.baseline_amounts.amax(dim=1)[:, None, None, None]
        if self.adapter_weights is not None and self.adapter_weights.shape[1]:
            weight = self.adapter_weights.amax(dim=1)[:, None, None, None]
            most = most.maximum(weight)
            if self.spatial_weights is not None:
                local = self.spatial_weights.amax(dim=1, keepdim=True)
                if self.unadapted is not None:
                    local = local.maximum(self.unadapted[:, None, None, None])
                most = torch.where(weight > 0, local, most)
        return (most / _FULL_CHANGE).clamp(max=1)
