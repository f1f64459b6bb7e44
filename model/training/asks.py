"""What a training picture is damaged by, and what of that is asked to be removed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.config import CLEAN, Degradation, amount_of
from model.training.mix import Mix

Asks = dict[str, float]
"""The amount that is asked for of each degradation, in [0, 1]."""


@dataclass(frozen=True)
class Layer:
    """One degradation of one picture, which can be made again at another severity.

    Attributes:
        kind: Name of the degradation.
        severity: In [0, 1].
        seed: Of its generator; equal seeds make equal noise, streaks and so on.
    """

    kind: str
    severity: float
    seed: int

    @property
    def amount(self) -> float:
        """How much of the degradation there is, in [0, 1]."""
        return 0.0 if self.kind == CLEAN else amount_of(self.severity, self.kind)

    def left_by(self, asks: Asks) -> "Layer":
        """Return what is left of the degradation when the asked amount of it is removed."""
        if self.amount == 0:
            return self
        removed = min(1.0, asks.get(self.kind, 0.0) / self.amount)
        return replace(self, severity=self.severity * (1 - removed))


def amounts_in(layers: Sequence[Layer]) -> dict[str, float]:
    """Return the amount of each kind of layer; the largest where several parts are of one kind."""
    amounts: dict[str, float] = {}
    for layer in layers:
        amounts[layer.kind] = max(layer.amount, amounts.get(layer.kind, 0.0))
    return amounts


def draw_asks(layers: Sequence[Layer], mix: Mix, rng: np.random.Generator) -> Asks:
    """Draw what is to be removed: everything, or a part; and at times what isn't there."""
    everything = rng.random() < mix.all_asked
    there = {kind: amount for kind, amount in amounts_in(layers).items() if kind != CLEAN}
    asks: Asks = {}
    for kind, amount in there.items():
        if everything or kind in mix.always:
            asks[kind] = float(rng.choice([amount, rng.uniform(amount, 1), 1.0]))
        elif rng.random() < mix.asked:
            partly = rng.random() < mix.partly
            low, high = (0.1, amount) if partly else (amount, 1.0)
            asks[kind] = rng.uniform(min(low, high), high)
    for kind in Degradation:
        # The sensor's noise comes with low light, so that noise is asked for there, or isn't.
        unclear = kind == Degradation.NOISE and Degradation.LOWLIGHT in there
        if kind not in there and not unclear and rng.random() < mix.absent:
            asks[kind] = rng.uniform(0.05, 1)
    return asks
