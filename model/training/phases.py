"""The three training phases of ABAIR: trained parts, data, losses and learning rates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn

from model.config import CLASSES, CLEAN, Degradation
from model.networks.restoration import RestorationNetwork
from model.training.batch import Batch
from model.training.losses import Losses, adapter_losses, baseline_losses, estimator_losses
from model.training.mix import Mix


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Settings of one phase.

    Attributes:
        name: Of the run.
        parts: Gives the parameters that train, of a network; all others stay frozen.
        losses: Computes a step's losses from a network and a batch.
        weights: What losses count in the sum, by name; 1 where not named.
        mix: What is drawn.
        kernel_lr: Learning rate of Muon, for convolution kernels of the restoring path.
        lr: Learning rate of AdamW, for the rest.
        kinds: What may be drawn; empty: any degradation.
        mode: How validation restores, one of ``model.evaluation.MODES``.
        ema: Decay of the average of the weights that is validated and saved.
        warmup: Share of the budget in which the rates rise.
        decay: Share of the budget, at its end, in which they fall to nothing.
        betas: Decays of AdamW's means of the gradient and of its square.
        weight_decay: Of AdamW.
        gradient_norm: Largest norm of the gradient; a larger one is scaled down to it.
    """

    name: str
    parts: Callable[[RestorationNetwork], list[nn.Module]]
    losses: Callable[[RestorationNetwork, Batch], Losses]
    weights: Mapping[str, float] = field(default_factory=dict)
    mix: Mix = field(default_factory=Mix)
    kernel_lr: float = 0.01
    lr: float = 1e-3
    kinds: tuple[str, ...] = ()
    mode: str = "none"
    ema: float = 0.999
    warmup: float = 0.02
    decay: float = 0.35
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 1e-4
    gradient_norm: float = 1.0

    def __post_init__(self) -> None:
        drawn = dict.fromkeys((*(name for name, _ in self.mix.odds), *self.mix.company))
        if self.kinds and (unknown := [name for name in drawn if name not in self.kinds]):
            raise ValueError(
                f"the phase {self.name} can't draw {', '.join(unknown)}: name only "
                f"{', '.join(self.kinds)} in mix.odds and mix.company"
            )


def baseline() -> Phase:
    """Phase I: the baseline and its segmentation head on synthetic degradations with CutMix.

    Only low-light pairs contain JPEG files, and without ``Mix.stored`` the baseline reads JPEG
    blocks as darkness. It reads too few levels as night or haze (docs/lessons.md#storage-traces).
    """
    return Phase(
        name="baseline",
        parts=lambda r: [r.context, r.backbone, r.head],
        losses=baseline_losses,
        weights={"segmentation": 0.2},
        mix=Mix(soft=0.2, stored=0.35, drawn=0.06, all_asked=0.6),
        kinds=CLASSES,  # those that the segmentation head and CLASS_WEIGHTS know
        mode="oracle",
    )


def adapter(degradation: str) -> Phase:
    """Phase II: one adapter; the baseline is frozen.

    Of the pictures that are no real pairs, every third has a second degradation. With fewer of
    these, the adapter does harm where two degradations lie over each other
    (docs/lessons.md#two-degradations).
    """
    mix = Mix(
        odds=((degradation, 0.95), (CLEAN, 0.05)),
        cutmix=0.0 if degradation == Degradation.LOWLIGHT else 0.05,  # see _to_restore
        compound=0.3,
        company=(CLEAN, *Degradation),
        pairs=0.7,
        depth=0.5,
        all_asked=0.5,
        always=(degradation,),
    )
    return Phase(
        name=f"adapter-{degradation}",
        parts=lambda r: list(r.adapted_convolutions().values()),
        losses=adapter_losses,
        mix=mix,
        kernel_lr=0.0,
        lr=2e-3,
        mode="oracle",
        decay=0.5,
    )


def estimator(kinds: Sequence[str] = tuple(Degradation)) -> Phase:
    """Phase III: the estimator, on single and mixed degradations; everything else is frozen.

    The estimator learns how much of each degradation a picture has, and needs no restored picture
    for that. Nearly a third of the pictures are clean: dim, soft, drawn, or with other tones, so
    that the estimator learns to leave good pictures alone. A third of the photographs with another
    degradation also have JPEG blocks or few levels that must stay. This teaches the estimator not
    to select the JPEG adapter for traces of JPEG under haze (docs/lessons.md#storage-traces).

    Args:
        kinds: Degradations that are drawn, at equal odds.
    """
    return Phase(
        name="estimator",
        parts=lambda r: [r.estimator],
        losses=estimator_losses,
        mix=Mix(
            odds=((CLEAN, 0.3), *((kind, 0.7 / len(kinds)) for kind in kinds)),
            cutmix=0.12,
            compound=0.25,
            pairs=0.35,
            dim=0.25,
            soft=0.3,
            stored=0.35,
            drawn=0.15,
            batch=16,
            crop=32,
            window=(128, 448),
        ),
        kernel_lr=0.0,
        lr=1e-3,
        mode="auto",
        decay=0.6,
    )
