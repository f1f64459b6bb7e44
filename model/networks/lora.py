"""Low-rank adapters: a convolution that carries several and blends them per picture or per pixel.

The update of one adapter (LoRA, and ABAIR's phase II) is ``W + scaling * B A``. With K adapters
resident and blend weights ``p`` the layer computes ``W + sum_k p_k * scaling_k * B_k A_k``, in one
of two exact ways: *merged*, where the sum is formed once for a batch that shares its weights, or
*stacked*, where the adapters run beside the convolution as one low-rank path of all their ranks
and the weights scale its channels, for every picture or every pixel on its own.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Blend:
    """Weights of every rank component of the resident adapters, R in all.

    Attributes:
        components: Shape (R,) when the batch shares one blend, (B, R) for one a picture, or
            (B, R, h, w) for one a pixel at any resolution; scaling is already multiplied in.
    """

    components: Tensor
    _coarser: dict[tuple[int, int], Tensor] = field(default_factory=dict, compare=False)

    @property
    def shared(self) -> bool:
        """Whether the whole batch uses one blend, so that the update can be merged."""
        return self.components.dim() == 1

    def at(self, height: int, width: int) -> Tensor:
        """Return factors that broadcast over (B, R, ``height``, ``width``)."""
        if self.components.dim() == 2:
            return self.components[:, :, None, None]
        if self.components.shape[-2:] == (height, width):
            return self.components
        size = (height, width)
        if size not in self._coarser:  # a level has many layers
            # A coarse pixel gets the mean of what it covers, so tiles agree with the whole.
            self._coarser[size] = F.interpolate(self.components, size=size, mode="area")
        return self._coarser[size]


class AdaptedConv2d(nn.Conv2d):
    """Convolution with stacked low-rank adapters: ``W x + sum_k p_k B_k (A_k x)``.

    ``lora_A`` has shape (R, in, k, k) and ``lora_B`` (out, R), where R is the sum of the ranks of
    the resident adapters; both are empty until adapters are set. Arguments are ``nn.Conv2d``'s.
    """

    lora_A: nn.Parameter | None  # noqa: N815 - the names that PEFT gave these matrices
    lora_B: nn.Parameter | None  # noqa: N815

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.register_parameter("lora_A", None)
        self.register_parameter("lora_B", None)

    def new_adapter(self, rank: int) -> tuple[Tensor, Tensor]:
        """Draw the matrices of a new adapter; B is zero, so that it changes nothing yet.

        Returns:
            A of shape (rank, in, k, k), uniform as the convolution's own, and B (out, rank).
        """
        if rank < 1:
            raise ValueError(f"rank must be at least 1, got {rank}")
        down = torch.empty(rank, *self.weight.shape[1:], device=self.weight.device)
        nn.init.kaiming_uniform_(down, a=5**0.5)
        return down, torch.zeros(self.out_channels, rank, device=self.weight.device)

    @torch.no_grad()
    def cut(self, rank: int) -> tuple[Tensor, Tensor]:
        """Cut the update ``B A`` of the resident adapter to the nearest one of a lower rank.

        By its largest singular values (Eckart and Young, 1936). Where the kernel has a lower rank
        than ``rank``, the rest is zero.

        Returns:
            A of shape (rank, in, k, k) and B (out, rank).

        Raises:
            ValueError: If no adapter is resident, or its rank is lower.
        """
        if self.lora_A is None or self.lora_B is None:
            raise ValueError("there is no adapter to cut")
        if not 1 <= rank <= len(self.lora_A):
            raise ValueError(f"an adapter of rank {len(self.lora_A)} can't be cut to {rank}")
        update = self.lora_B @ self.lora_A.flatten(1)
        left, sizes, right = torch.linalg.svd(update, full_matrices=False)
        halves = sizes[:rank].sqrt()
        down, up = halves[:, None] * right[:rank], left[:, :rank] * halves
        missing = rank - len(halves)
        down, up = F.pad(down, (0, 0, 0, missing)), F.pad(up, (0, missing))
        return down.view(rank, *self.lora_A.shape[1:]), up

    def set_adapters(self, matrices: list[tuple[Tensor, Tensor]]) -> None:
        """Make ``matrices``, pairs of A (r, in, k, k) and B (out, r), the resident adapters."""
        if not matrices:
            self.lora_A = self.lora_B = None
            return
        self.lora_A = nn.Parameter(torch.cat([a for a, _ in matrices]))
        self.lora_B = nn.Parameter(torch.cat([b for _, b in matrices], dim=1))

    def merged_weight(self, components: Tensor) -> Tensor:
        """Return ``W + B diag(components) A``, shape of the kernel; ``components`` is (R,).

        In the arithmetic of the context: bfloat16 where that is told.
        """
        if self.lora_A is None or self.lora_B is None:
            return self.weight
        # With the channels last, as kernels are laid out, nothing is copied but the sum.
        kernel, down = self.weight.permute(0, 2, 3, 1), self.lora_A.permute(0, 2, 3, 1)
        merged = torch.addmm(kernel.flatten(1), self.lora_B * components, down.flatten(1))
        return merged.view(kernel.shape).permute(0, 3, 1, 2)

    def forward(self, x: Tensor, blend: Blend | None = None) -> Tensor:
        """Convolve ``x``: (B, in, h, w) with the blended kernel -> (B, out, h', w')."""
        if blend is None or self.lora_A is None or self.lora_B is None:
            return self._convolve(x, self.weight, self.bias)
        if blend.shared:
            return self._convolve(x, self.merged_weight(blend.components), self.bias)
        low = self._convolve(x, self.lora_A, None)  # (B, R, h', w')
        low = low * blend.at(*low.shape[-2:]).to(low.dtype)
        out = self._convolve(x, self.weight, self.bias)
        return out + F.conv2d(low, self.lora_B[:, :, None, None])

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        out: Tensor = self._conv_forward(x, weight, bias)
        return out
