"""Names and sizes: what the networks are built from, with no torch."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

NAME = re.compile(r"[a-z0-9_-]{1,32}")
"""Names of adapters and degradations: they become folders, headers, labels and options."""


class Degradation(StrEnum):
    """The five degradations that the map and the baseline know (ABAIR, section 3).

    Adapters for other degradations, such as snow, have names that are not members.
    """

    NOISE = "noise"
    BLUR = "blur"
    RAIN = "rain"
    HAZE = "haze"
    LOWLIGHT = "lowlight"


TITLES: dict[str, str] = {
    Degradation.NOISE: "Noise",
    Degradation.BLUR: "Blur",
    Degradation.RAIN: "Rain",
    Degradation.HAZE: "Haze",
    Degradation.LOWLIGHT: "Low light",
    "jpeg": "JPEG artefacts",
    "bitdepth": "Too few levels",
    "snow": "Snow",
}
"""Names of the degradations for people."""

CLEAN = "clean"
"""Name of the class of undamaged pixels; the paper draws none, we need it to leave them alone."""

CLASSES: tuple[str, ...] = (CLEAN, *Degradation)
"""Classes of the degradation map, in the order of its channels."""

FULL_SEVERITY = 0.3
"""Severity from which a degradation counts as fully there, so that its amount is 1."""
FULL_SEVERITIES: Mapping[str, float] = MappingProxyType(
    {Degradation.NOISE: 0.12, Degradation.BLUR: 0.12, "jpeg": 0.45, "bitdepth": 0.65}
)
"""The same for degradations that are plainly visible at other severities: white noise of 7/255, a
motion of 5 pixels, a JPEG of quality 60, 32 levels."""


def amount_of(severity: float, degradation: str) -> float:
    """Return the amount, in [0, 1], of ``degradation`` of ``severity`` in [0, 1].

    Amounts say how much of a degradation is in a picture. They rise with the severity and reach 1
    where the damage is plainly visible. Asking for the amount that is there, or for more, removes
    all of it; asking for half of it leaves the degradation at half of its severity.
    """
    return min(1.0, severity / FULL_SEVERITIES.get(degradation, FULL_SEVERITY))


COLOURS: dict[str, str] = {
    CLEAN: "#000000",
    Degradation.NOISE: "#E69F00",
    Degradation.BLUR: "#CC79A7",
    Degradation.RAIN: "#56B4E9",
    Degradation.HAZE: "#F0E442",
    Degradation.LOWLIGHT: "#0072B2",
}
"""Colour of each class on maps: Okabe and Ito's, which colour-blind eyes tell apart."""
_OTHERS = ("#009E73", "#D55E00", "#FFFFFF")


def colours_of(classes: Sequence[str]) -> list[str]:
    """Return the colour of each class, ``#RRGGBB``; classes of later adapters get what is left."""
    others = [name for name in classes if name not in COLOURS]
    return [COLOURS.get(name) or _OTHERS[others.index(name) % len(_OTHERS)] for name in classes]


def palette_of(classes: Sequence[str]) -> bytes:
    """Return red, green and blue of each class, three bytes a class."""
    return b"".join(bytes.fromhex(colour[1:]) for colour in colours_of(classes))


@dataclass(frozen=True, kw_only=True)
class RestorerConfig:
    """Sizes of one restorer. Stored inside its weights file.

    Attributes:
        unshuffle: Factor of the pixel-unshuffle at the input; the net works at 1/unshuffle.
        widths: Channels of each level of the U, finest first.
        encoder_blocks: Blocks on the way down at each level but the coarsest.
        middle_blocks: Blocks at the coarsest level.
        decoder_blocks: Blocks on the way up at each level but the coarsest, finest first.
        context_width: Channels of the context encoder's first level.
        context_dim: Length of the context vector.
        grid_dim: Channels of the context grid.
        tone_bins: Brightness levels of the bilateral grid of colour transforms.
        tone_width: Channels inside the layers that make that grid.
        classes: Classes of the segmentation head, in channel order.
    """

    unshuffle: int = 2
    widths: tuple[int, ...] = (48, 96, 192)
    encoder_blocks: tuple[int, ...] = (2, 2)
    middle_blocks: int = 4
    decoder_blocks: tuple[int, ...] = (2, 2)
    context_width: int = 24
    context_dim: int = 96
    grid_dim: int = 32
    tone_bins: int = 8
    tone_width: int = 64
    classes: tuple[str, ...] = CLASSES

    def __post_init__(self) -> None:
        levels = len(self.widths)
        if levels < 2:
            raise ValueError(f"widths must name at least 2 levels, got {self.widths}")
        for name in ("encoder_blocks", "decoder_blocks"):
            if len(getattr(self, name)) != levels - 1:
                raise ValueError(
                    f"{name} must have {levels - 1} entries, got {getattr(self, name)}"
                )
        if wrong := [name for name in self.classes if not NAME.fullmatch(name)]:
            raise ValueError(f"a class is 1 to 32 of a-z, 0-9, _ and -, got {wrong[0]!r:.80}")
        if self.unshuffle < 1:
            raise ValueError(f"unshuffle must be at least 1, got {self.unshuffle}")

    @property
    def degradations(self) -> tuple[str, ...]:
        """Degradations that the baseline itself is told about: the classes but ``clean``."""
        return tuple(name for name in self.classes if name != CLEAN)

    @property
    def multiple(self) -> int:
        """Pixels: heights and widths inside the network are multiples of this."""
        return self.unshuffle << (len(self.widths) - 1)


PRESETS: dict[str, RestorerConfig] = {
    "small": RestorerConfig(),
    "large": RestorerConfig(
        unshuffle=1,
        widths=(48, 96, 192, 384),
        encoder_blocks=(4, 6, 6),
        middle_blocks=8,
        decoder_blocks=(8, 6, 6),
        context_width=48,
        context_dim=256,
        grid_dim=64,
    ),
}
"""``small`` ships and runs on a CPU; ``large`` follows the paper's scale and wants a GPU."""
