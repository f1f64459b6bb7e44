"""Muon: momentum whose matrices are made orthogonal, for convolution kernels.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). The kernel of a
convolution counts as a matrix (out, in * k * k), one that doubles the channels for a gate as two:
value and gate are layers of their own, and the halves cost half. torch.optim.Muon takes 2-D
parameters one by one; this one takes kernels and makes equal shapes orthogonal in one batch.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

from model.training.team import Team


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Bring all singular values near 1 by Newton-Schulz iterations.

    An iteration is ``X <- P(X X^T) X`` with a polynomial P, so the products of all P act on the
    small side alone and X is multiplied once, at the end: a third of the work, which leaves room
    for float32, whose squares half precision would lose.

    Args:
        matrices: Shape (N, rows, columns).
        steps: Iterations, at least 1.

    Returns:
        Same shape, float32; singular values about 0.7 to 1.2.
    """
    a, b, c = 3.4445, -4.7750, 2.0315  # quintic of Jordan et al.
    x = matrices.float()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    gram = x @ x.mT
    product = torch.eye(gram.shape[1], device=x.device).expand_as(gram)
    for step in range(steps):
        factor = torch.baddbmm(b * gram, gram, gram, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        product = factor @ product
        if step < steps - 1:
            gram = factor @ gram @ factor  # all are polynomials of one matrix and commute
    out: Tensor = product @ x
    return out.mT if tall else out


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum and decoupled weight decay, for parameters of 2 or more dims."""

    def __init__(
        self,
        params: Iterable[torch.nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        team: Team = Team(),  # noqa: B008 - immutable
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.team = team

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                ahead = self._look_ahead(parameter, group["momentum"]).flatten(1)
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parts = 2 if parameter.shape[0] == 2 * parameter.shape[1] else 1
                for kernel, matrix in zip(parameter.chunk(parts), ahead.chunk(parts), strict=True):
                    alike[matrix.shape].append((kernel, matrix))
            for (rows, columns), pairs in alike.items():
                scale = max(1.0, rows / columns) ** 0.5
                stack = torch.stack([matrix for _, matrix in pairs])
                updates = self.team.share_out(orthogonalise, stack)
                for (kernel, _), update in zip(pairs, updates, strict=True):
                    kernel.add_(update.view_as(kernel).to(kernel.dtype), alpha=-group["lr"] * scale)

    def _look_ahead(self, parameter: torch.nn.Parameter, momentum: float) -> Tensor:
        """Update the momentum; return Nesterov's direction, shape of the parameter."""
        assert parameter.grad is not None
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(state["momentum"], momentum)
