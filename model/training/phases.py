"""The three training phases of ABAIR: trained parts, data, losses and learning rates."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from model.config import CLASSES, CLEAN, Degradation
from model.networks.asked import Asked
from model.networks.description import Description
from model.networks.restoration import RestorationNetwork
from model.training.batch import Batch
from model.training.losses import amount_loss, log_mse, segmentation_loss
from model.training.mix import Mix

CLASS_WEIGHTS = {
    CLEAN: 0.5,
    Degradation.NOISE: 2.0,
    Degradation.BLUR: 1.0,
    Degradation.RAIN: 1.3,
    Degradation.HAZE: 0.8,
    Degradation.LOWLIGHT: 0.5,
}
"""Weight of a picture of each class in the loss of phase I. Haze and low light weigh less: their
errors cover the whole picture, so their gradients are larger (docs/lessons.md#loss-weights)."""

Losses = dict[str, Tensor]
"""Named losses of a step; their weighted sum is minimised."""


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
        losses=_baseline_losses,
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
        losses=_adapter_losses,
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
        losses=_estimator_losses,
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


def _baseline_losses(network: RestorationNetwork, batch: Batch) -> Losses:
    """Compute the losses of restoration and segmentation."""
    out = network(batch.degraded, _describe(network, batch), _asked(network, batch), batch.position)
    logits = network.head(out.features)
    of_classes = batch.shares.new_tensor([CLASS_WEIGHTS[name] for name in CLASSES])
    weights = batch.per_crop(batch.shares @ of_classes)
    weights = torch.where(batch.layered(), 1.0, weights) * _to_restore(batch)
    return {
        "restoration": log_mse(out.image, batch.target, weights),
        "segmentation": segmentation_loss(logits, batch.labels),
    }


def _adapter_losses(network: RestorationNetwork, batch: Batch) -> Losses:
    with torch.no_grad():
        description = _describe(network, batch)
    asked = _asked(network, batch)
    weights = batch.per_crop(batch.of(network.adapters[0].degradation, batch.asked))[:, None]
    asked = dataclasses.replace(asked, adapter_weights=weights)
    out = network(batch.degraded, description, asked, batch.position)
    return {"restoration": log_mse(out.image, batch.target, _to_restore(batch))}


def _estimator_losses(network: RestorationNetwork, batch: Batch) -> Losses:
    there = [batch.of(adapter.degradation, batch.amounts) for adapter in network.adapters]
    logits = network.estimator(batch.views)
    return {"estimation": amount_loss(logits, torch.stack(there, dim=1))}


def _to_restore(batch: Batch) -> Tensor:
    """Give 1 for each crop whose restoration counts, (B,), and 0 for the others.

    It does not count where low light in a part of a picture is to be removed: that teaches that
    whatever is black in a bright picture was badly lit (docs/lessons.md#partial-low-light).
    """
    dark = batch.per_crop(batch.of(Degradation.LOWLIGHT, batch.shares))
    asked = batch.per_crop(batch.of(Degradation.LOWLIGHT, batch.asked)) > 0
    return ((dark == 0) | (dark == 1) | batch.layered() | ~asked).float()


def _describe(network: RestorationNetwork, batch: Batch) -> Description:
    """Encode the whole pictures; no phase that restores needs the estimator's amounts."""
    context, features = map(batch.per_crop, network.context(batch.views))
    return Description(context, features, context.new_zeros(len(context), 0))


def _asked(network: RestorationNetwork, batch: Batch) -> Asked:
    """Return what is asked of the baseline."""
    kinds = network.config.degradations
    amounts = torch.stack([batch.of(kind, batch.asked) for kind in kinds], dim=1)
    return Asked(batch.per_crop(amounts))
