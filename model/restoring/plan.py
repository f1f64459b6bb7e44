"""What to do with one described picture: a pure decision, which a driver then carries out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from model.restoring.wishes import amounts_for

BLENDS = ("image", "pixel")
"""``image``: the same adapter weights everywhere; ``pixel``: weights that follow the map."""


@dataclass(frozen=True)
class RestorationPlan:
    """What is to be done with one picture, in this order.

    Attributes:
        changes: Whether the network restores it; otherwise the answer is the picture itself.
        needs_map: Whether its degradation map is made first, to scale the adapter weights by it.
        amounts: Amount to remove of each name that can be asked for, in [0, 1].
        adapters: Whether the adapters take part; otherwise the baseline does what it can.
    """

    changes: bool
    needs_map: bool
    amounts: tuple[float, ...]
    adapters: bool


def plan_restoration(
    wish: str | Mapping[str, float],
    estimated: Sequence[float],
    names: Sequence[str],
    *,
    keep: Collection[str] = (),
    strength: float = 1.0,
    blend: str = "image",
) -> RestorationPlan:
    """Decide what to do with one picture from its estimated amounts and what the caller wants.

    Args:
        wish: ``auto``, ``top``, ``none``, or the amount to remove by name; as of ``amounts_for``.
        estimated: Estimated amount of each adapter's degradation, K numbers in [0, 1].
        names: Names that can be asked for: the K adapters, then what the baseline alone removes.
        keep: Names whose degradation stays in the picture.
        strength: Blend of output and input, 0 (input) to 1.
        blend: One of ``BLENDS``.

    Raises:
        ValueError: If a name or ``blend`` is unknown, or ``strength`` or an amount is not in
            [0, 1].
    """
    if not 0 <= strength <= 1:
        raise ValueError(
            f"strength must be from 0 (the input) to 1 (fully restored), got {strength}"
        )
    if blend not in BLENDS:
        raise ValueError(f"blend must be {' or '.join(BLENDS)}, got {blend!r}")
    padded = [*estimated, *[0.0] * (len(names) - len(estimated))]
    amounts = amounts_for(wish, padded, names, keep=keep)
    adapters = wish != "none"
    changes = any(amounts) and strength > 0
    return RestorationPlan(changes, changes and adapters and blend == "pixel", amounts, adapters)
