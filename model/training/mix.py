"""What a training draws: how often each degradation, and how they are combined."""

from dataclasses import dataclass

from model.config import CLEAN, Degradation

EVEN_SEVERITIES = (0.1, 1.0)
"""Least and largest severity where severities are drawn evenly."""


@dataclass(frozen=True, kw_only=True)
class Mix:
    """What is drawn: odds of each kind, and of ways to combine them.

    Attributes:
        odds: Relative odds of ``clean`` and of each degradation.
        cutmix: Probability, of what isn't a real pair, that two or three degraded copies are cut
            together.
        compound: Probability, of the same, that a second degradation comes with the first, one
            over the other.
        company: What else is cut in or comes over it; empty: what ``odds`` names.
        pairs: Probability that a real pair is used where there is one.
        depth: Probability that haze takes a picture whose depth is known.
        retone: Probability that a photograph gets other tones first, unless it gets low light:
            how bright it should be is what is asked there.
        dim: Probability that one is darker on purpose, unless it gets low light or haze.
        soft: Probability that a photograph is softer than its pixels could show, as photographs of
            many pixels are; not in those that get blur, since that is to be removed.
        stored: Probability that a photograph has been a JPEG, or lost levels, which isn't to be
            undone; where these are drawn, not in pictures with a part that is clean or gets them.
        drawn: Probability that a drawing takes the place of a photograph.
        all_asked: Probability that everything in a picture is asked to be removed. Of the other
            pictures only a part is asked for, and the target keeps the rest.
        always: Degradations that are asked for wherever they are.
        asked: Where only a part is asked for: probability that a degradation is.
        partly: The same: probability that it is then asked for by less than its amount.
        absent: Probability that a degradation which is not in the picture is asked for.
        even: Probability that two degradations over each other have severities drawn evenly
            from ``EVEN_SEVERITIES``. The samplers fit degradations that come alone, and seldom
            make two severe ones meet.
        batch: Pictures a step.
        crops: Crops of each picture; more than 1 where a picture takes longer to make than to
            learn from.
        crop: Side of the crops, pixels.
        window: Shortest and longest side of the part of a photograph that is degraded and
            counts as the whole picture, pixels.
    """

    odds: tuple[tuple[str, float], ...] = (
        (CLEAN, 0.06),
        (Degradation.NOISE, 0.18),
        (Degradation.BLUR, 0.18),
        (Degradation.RAIN, 0.2),
        (Degradation.HAZE, 0.2),
        (Degradation.LOWLIGHT, 0.18),
    )
    cutmix: float = 0.12
    compound: float = 0.08
    company: tuple[str, ...] = ()
    pairs: float = 0.0
    depth: float = 0.6
    retone: float = 0.5
    dim: float = 0.12
    soft: float = 0.0
    stored: float = 0.0
    drawn: float = 0.0
    all_asked: float = 1.0
    always: tuple[str, ...] = ()
    asked: float = 0.5
    partly: float = 0.25
    absent: float = 0.08
    even: float = 0.5
    batch: int = 8
    crops: int = 1
    crop: int = 128
    window: tuple[int, int] = (192, 448)

    def __post_init__(self) -> None:
        if self.crop > self.window[0]:
            raise ValueError(f"crop {self.crop} does not fit the shortest window {self.window[0]}")
