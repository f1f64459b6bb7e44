"""Parse what callers want removed, such as ``auto`` or ``rain:0.8``, and turn it into amounts."""

from collections.abc import Collection, Mapping, Sequence

MODES = ("auto", "top", "none")
"""The estimated amounts; the largest of them alone; the estimate, without adapters."""


def parse_wish(text: str) -> str | dict[str, float]:
    """Parse one of ``MODES``, or ``NAME:AMOUNT,NAME:AMOUNT`` with amounts in [0, 1].

    Raises:
        ValueError: If the text is neither, names something twice, or holds another amount.
    """
    if text in MODES:
        return text
    amounts: dict[str, float] = {}
    for part in text.split(","):
        name, colon, amount = (piece.strip() for piece in part.partition(":"))
        if not (name and colon):
            raise ValueError(f"write {', '.join(MODES)}, or name:amount,name:amount; got {part!r}")
        if name in amounts:
            raise ValueError(f"{name!r} is given twice")
        try:
            amounts[name] = float(amount)
        except ValueError:
            raise ValueError(f"the amount of {name!r} must be a number, got {amount!r}") from None
        if not 0 <= amounts[name] <= 1:
            raise ValueError(f"the amount of {name!r} must be in [0, 1], got {amount}")
    return amounts


def parse_names(text: str) -> tuple[str, ...]:
    """Parse ``NAME,NAME``; nothing, or ``none``, names nothing."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    return () if names == ("none",) else names


def amounts_for(
    wish: str | Mapping[str, float],
    estimated: Sequence[float],
    names: Sequence[str],
    *,
    keep: Collection[str] = (),
) -> tuple[float, ...]:
    """Turn a wish and one picture's estimate into the amounts to remove.

    Args:
        wish: ``auto`` and ``none`` (the estimate), ``top`` (its largest amount alone, of those that
            are not kept), or the amount of each degradation by name.
        estimated: Estimated amount of each adapter's degradation, K numbers in [0, 1].
        names: Names of the adapters, K.
        keep: Names of adapters whose degradation stays in the picture.

    Returns:
        K amounts in [0, 1].

    Raises:
        ValueError: If a name is unknown, or an amount is not in [0, 1].
    """
    given = wish if isinstance(wish, Mapping) else {}
    if unknown := sorted({*given, *keep} - set(names)):
        raise ValueError(f"unknown adapters: {', '.join(unknown)}; there are {', '.join(names)}")
    for name, amount in given.items():
        if not 0 <= amount <= 1:
            raise ValueError(
                f"the amount of {name} must be from 0 (leave it) to 1 (remove all), got {amount}"
            )
    if not isinstance(wish, Mapping) and wish not in MODES:
        raise ValueError(
            f"adapters must be auto, top, none, or amounts by name such as "
            f'{{"{next(iter(names), "rain")}": 0.5}}, got {wish}'
        )
    found = dict(zip(names, estimated, strict=True)) if isinstance(wish, str) else given
    amounts = {name: 0.0 if name in keep else float(found.get(name, 0.0)) for name in names}
    if wish == "top":
        largest = max(amounts, key=lambda name: amounts[name], default="")
        amounts = {name: a if name == largest else 0.0 for name, a in amounts.items()}
    return tuple(amounts.values())
