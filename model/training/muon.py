"""Muon: momentum whose matrices are made orthogonal, for convolution kernels.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). The kernel of a
convolution counts as a matrix (out, in * k * k), one that doubles the channels for a gate as two:
value and gate are layers of their own, and the halves cost half. torch.optim.Muon takes 2-D
parameters one by one; this one takes kernels and makes equal shapes orthogonal in one batch.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor

from model.training.team import Team

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of Jordan et al.: an iteration is ``X <- (a I + b G + c G G) X``, ``G = X X^T``."""


def orthogonalise(matrices: Tensor, steps: int = 5, *, precision: str = "fp32") -> Tensor:
    """Bring all singular values near 1 by Newton-Schulz iterations.

    Args:
        matrices: Shape (N, rows, columns).
        steps: Iterations, at least 1.
        precision: ``bf16``, for processors that multiply in it several times as fast, or ``fp32``.

    Returns:
        Same shape, float32; singular values about 0.7 to 1.2.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    x = _in_half(x, steps) if precision == "bf16" else _on_the_small_side(x, steps)
    return x.mT if tall else x


def _in_half(x: Tensor, steps: int) -> Tensor:
    """Iterate as published, in bfloat16."""
    a, b, c = _QUINTIC
    x = x.bfloat16()
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.float()


def _on_the_small_side(x: Tensor, steps: int) -> Tensor:
    """Iterate on the Gram matrix: the factors act on the small side alone, X is multiplied once.

    A third of the multiplications; the squares need float32, half precision would lose them.
    """
    a, b, c = _QUINTIC
    x = x.float()
    gram = x @ x.mT
    product = torch.eye(gram.shape[1], device=x.device).expand_as(gram)
    for step in range(steps):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        product = factor @ product
        if step < steps - 1:
            gram = factor @ gram @ factor  # all are polynomials of one matrix and commute
    out: Tensor = product @ x
    return out


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum and decoupled weight decay, for parameters of 2 or more dims."""

    def __init__(
        self,
        params: Iterable[torch.nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        precision: str = "fp32",
        team: Team = Team(),  # noqa: B008 - immutable
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.orthogonalise = partial(orthogonalise, precision=precision)
        self.team = team

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
            alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            directions = self._look_ahead(parameters, group["momentum"])
            for parameter, ahead in zip(parameters, directions, strict=True):
                parts = 2 if parameter.shape[0] == 2 * parameter.shape[1] else 1
                halves = zip(_inner_last(parameter).chunk(parts), ahead.chunk(parts), strict=True)
                for kernel, matrix in halves:
                    alike[matrix.flatten(1).shape].append((kernel, matrix.flatten(1)))
            for (rows, columns), pairs in alike.items():
                scale = max(1.0, rows / columns) ** 0.5
                kernels = [kernel for kernel, _ in pairs]
                stack = torch.stack([matrix for _, matrix in pairs])
                updates = self.team.share_out(self.orthogonalise, stack)
                shaped = [
                    update.view(kernel.shape)
                    for kernel, update in zip(kernels, updates, strict=True)
                ]
                torch._foreach_add_(kernels, shaped, alpha=-group["lr"] * scale)

    def _look_ahead(self, parameters: list[torch.nn.Parameter], momentum: float) -> list[Tensor]:
        """Update the momenta; return Nesterov's directions, ``_inner_last`` of the parameters."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        for parameter in parameters:
            if "momentum" not in self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        momenta = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - momentum)
        ahead = torch._foreach_lerp(gradients, momenta, momentum)
        return [_inner_last(direction) for direction in ahead]


def _inner_last(kernel: Tensor) -> Tensor:
    """View (out, in, ...) as (out, ..., in): what lies together in kernels with channels last.

    The order of a matrix's columns doesn't matter to what makes it orthogonal.
    """
    return kernel.movedim(1, -1)
