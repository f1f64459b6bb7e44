"""Records of a model and its adapters. They hold only what may be shown over HTTP."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from model.config import NAME

MAX_RANK = 4096
"""A higher rank is refused; a full-rank update of the widest layer has less."""
_MODEL_NAME = re.compile(r"[!-~]([ -~]{0,62}[!-~])?")
_LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class AdapterInfo:
    """Record of an installed adapter.

    Attributes:
        name: Name in requests and in its folder.
        title: Name for people.
        degradation: The kind of damage it removes.
        rank: Rank of its update.
        scaling: Factor of its update, alpha / rank.
        parameters: Count of its weights.
        bytes: Size of its weights file; 0 when it was never saved.
        sha256: Digest of its weights file; empty when it was never saved.
        gain_db: Measured gain over the input on its own task, dB; None when not measured.
        licence: Terms of its weights.
        smoke: Whether a smoke run made it: it proves the steps, and is of no use for pictures.

    Raises:
        ValueError: If a value has another type, is not finite, or holds characters that an answer,
            a log or a terminal must not show.
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
    smoke: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.smoke, bool):
            raise ValueError(f"smoke must be true or false, got {self.smoke!r:.80}")
        for key in ("name", "degradation"):
            value = getattr(self, key)
            if not isinstance(value, str) or not NAME.fullmatch(value):
                raise ValueError(f"{key} must be 1 to 32 of a-z, 0-9, _ and -, got {value!r:.80}")
        _check_text("title", self.title)
        _check_text("licence", self.licence)
        if type(self.rank) is not int or not 1 <= self.rank <= MAX_RANK:
            raise ValueError(f"rank must be a whole number, 1 to {MAX_RANK}, got {self.rank!r:.80}")
        _check_number("scaling", self.scaling)
        if self.gain_db is not None:
            _check_number("gain_db", self.gain_db)


def by_degradation(adapters: Sequence[AdapterInfo], amounts: Sequence[float]) -> dict[str, float]:
    """Tell the estimated amount of each degradation: the largest of the adapters that remove it."""
    found: dict[str, float] = {}
    for adapter, amount in zip(adapters, amounts, strict=True):
        kind = adapter.degradation
        found[kind] = round(max(found.get(kind, 0.0), amount), 4)
    return found


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """Record of the baseline: name, digest of its weights file, number of weights, licence.

    Raises:
        ValueError: If a name or the terms hold characters that an answer must not show.
    """

    name: str = "untrained"
    sha256: str = ""
    parameters: int = 0
    licence: str = ""

    def __post_init__(self) -> None:
        name: object = self.name
        if not isinstance(name, str) or not _MODEL_NAME.fullmatch(name):
            raise ValueError(f"a model's name must be 1 to 64 of ASCII, got {name!r:.80}")
        _check_text("licence", self.licence)


def _check_text(key: str, value: object) -> None:
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
        raise ValueError(
            f"{key} must be text of at most {_LONGEST} characters that can be printed, "
            f"got {value!r:.80}"
        )


def _check_number(key: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{key} must be a finite number, got {value!r:.80}")
