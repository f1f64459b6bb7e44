"""Batches: pictures degraded on the fly, seen whole by the encoders and in crops by the restorer.

Every picture is a pure function of (seed, step, place in the batch), so that a resumed run sees
what an uninterrupted one would have seen, and several processes can each make their part.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.config import CLASSES, CLEAN, Degradation
from model.degradations import OwnDegradation, cutmix, degrade, in_order, sample_severity
from model.evaluation.making import as_tensor
from model.training.sources import Sample, Sources
from model.training.team import Team
from model.training.tones import dim, retone
from model.training.windows import Picture, Window
from model.views import Views, as_float, sample_views

IGNORE = 255
"""Label of pixels whose class is undefined, such as under two degradations at once."""

_STORAGE = ("jpeg", 0.7, 0.05, 1.0), ("bitdepth", 0.3, 0.2, 0.6)
"""What storing did to photographs, odds and severities: quality 96 to 10; 147 to 49 levels."""

_EVEN_SHARE, _EVEN = 0.5, (0.1, 1.0)
"""Share of pictures under two degradations whose severities are drawn at even odds, and from what:
the samplers fit degradations that come alone, and seldom make two severe ones meet."""


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
        stored: Probability that a photograph has been a JPEG, or lost levels, which isn't to be
            undone; where these are drawn, not in pictures with a part that is clean or gets them.
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
    stored: float = 0.0
    batch: int = 8
    crops: int = 1
    crop: int = 128
    window: tuple[int, int] = (192, 448)

    def __post_init__(self) -> None:
        if self.crop > self.window[0]:
            raise ValueError(f"crop {self.crop} does not fit the shortest window {self.window[0]}")


@dataclass
class Batch:
    """One step's P pictures and the B crops of them, those of one picture beside each other.

    Made in bytes, which travel four times as fast; ``on`` a device floats.

    Attributes:
        degraded: Crops, shape (B, 3, h, w); uint8 as made, else in [0, 1].
        clean: Their targets, same shape and type.
        labels: Class of each pixel, (B, h, w), uint8; ``IGNORE`` where undefined.
        box: Where the crops lie in their pictures, (B, 4), fractions.
        shares: Share of each class in the whole pictures, (P, C): of their area, or equal parts
            for degradations that lie over each other. Rows sum to 1.
        views: Of the whole degraded pictures; their patches are uint8 as made.
        classes: Names of the C classes: the map's, then degradations that it doesn't know.
    """

    degraded: Tensor
    clean: Tensor
    labels: Tensor
    box: Tensor
    shares: Tensor
    views: Views
    classes: tuple[str, ...] = CLASSES

    def tensors(self) -> tuple[Tensor, ...]:
        """Return all tensors, in an order of their own."""
        views = self.views.thumbnail, self.views.patches
        return self.degraded, self.clean, self.labels, self.box, self.shares, *views

    def map(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """Return a batch whose tensors are ``change`` of these."""
        degraded, clean, labels, box, shares, *views = map(change, self.tensors())
        return Batch(degraded, clean, labels, box, shares, Views(*views), self.classes)

    def on(self, device: torch.device) -> "Batch":
        """Return what training computes with: all of it on ``device``, pictures in [0, 1]."""
        moved = self.map(lambda tensor: tensor.to(device, non_blocking=True))
        return replace(moved.map(as_float), labels=moved.labels)

    def per_crop(self, values: Tensor) -> Tensor:
        """Repeat values of each picture, (P, ...), for each of its crops, (B, ...)."""
        crops = len(self.degraded) // len(self.shares)
        return values[:, None].expand(-1, crops, *values.shape[1:]).flatten(0, 1)

    def layered(self) -> Tensor:
        """Tell of each crop, (B,), whether its degradations lie over each other."""
        return self.labels.flatten(1).eq(IGNORE).all(dim=1)

    def share(self, name: str) -> Tensor:
        """Return the share of one class in each picture, (P,); 0 for one that isn't drawn."""
        if name not in self.classes:
            return self.shares.new_zeros(len(self.shares))
        return self.shares[:, self.classes.index(name)]


class Batches:
    """Batch of each step, made when asked for.

    Args:
        sources: Pictures to draw from.
        mix: What is drawn.
        seed: Of everything.
        own: Degradations that aren't built in, by name.
        team: Where this process takes every ``size``-th picture, from its ``rank`` on.
    """

    def __init__(
        self,
        sources: Sources,
        mix: Mix,
        seed: int,
        own: Mapping[str, OwnDegradation] = MappingProxyType({}),
        team: Team = Team(),  # noqa: B008 - immutable
    ) -> None:
        self.sources, self.mix, self.seed, self.own = sources, mix, seed, dict(own)
        if mix.batch < team.size:
            raise ValueError(
                f"{team.size} processes need mix.batch of at least as many, got {mix.batch}"
            )
        self.places = range(team.rank, mix.batch, team.size)
        odds = np.array([weight for _, weight in mix.odds])
        self.names = [name for name, _ in mix.odds]
        self.odds = odds / odds.sum()
        named = dict.fromkeys((*self.names, *mix.company))
        self.classes = (*CLASSES, *(name for name in named if name not in CLASSES))
        storing = {kind for kind, *_ in _STORAGE}  # whose traces, where drawn, targets mustn't have
        self._unstored = frozenset({CLEAN, *storing} if storing & {*named} else ())

    def __getitem__(self, step: int) -> Batch:
        cv2.setNumThreads(0)
        crops, shares, views = [], [], []
        for place in self.places:
            rng = np.random.default_rng([self.seed, step, place])
            clean, degraded, labels, share = self._picture(rng)
            whole = as_tensor(degraded), as_tensor(clean), torch.from_numpy(labels)
            shares.append(share)
            view = sample_views(whole[0])
            views.append(Views(view.thumbnail, view.patches.mul(255).round().to(torch.uint8)))
            for _ in range(self.mix.crops):
                crops.append(self._crop(whole, rng))
        degraded_, clean_, labels_, box = map(torch.stack, zip(*crops, strict=True))
        return Batch(
            degraded_, clean_, labels_, box, torch.stack(shares), Views.stack(views), self.classes
        )

    def _crop(
        self, whole: tuple[Tensor, Tensor, Tensor], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Cut one crop: degraded, clean, labels, and where it lies."""
        (height, width), side = whole[-1].shape, self.mix.crop
        top, left = (int(rng.integers(0, length - side + 1)) for length in (height, width))
        box = (top / height, left / width, (top + side) / height, (left + side) / width)
        degraded, clean, labels = (of[..., top : top + side, left : left + side] for of in whole)
        return degraded, clean, labels, torch.tensor(box, dtype=torch.float32)

    def _picture(
        self, rng: np.random.Generator
    ) -> tuple[Picture, Picture, NDArray[np.uint8], Tensor]:
        """Draw one whole picture: clean, degraded, labels, shares."""
        name = self.names[rng.choice(len(self.names), p=self.odds)]
        pairs = self.sources.pairs.get(name, [])
        if pairs and rng.random() < self.mix.pairs:
            sample = pairs[rng.integers(len(pairs))]
            clean, other = self._window(sample, rng)
            assert other is not None
            labels = np.full(clean.shape[:2], self._label(name), np.uint8)
            return clean, other, labels, self._shares([name], labels)
        with_depth = name == Degradation.HAZE and rng.random() < self.mix.depth
        pool = self.sources.depth if with_depth and self.sources.depth else self.sources.clean
        clean, depth = self._window(pool[rng.integers(len(pool))], rng)
        if depth is not None:  # cameras stand at any distance; d = z - u z_min
            depth = depth - depth.min() * np.float32(rng.random())
        kinds, beside = self._kinds(name, rng)
        if Degradation.LOWLIGHT not in kinds and rng.random() < self.mix.retone:
            clean = retone(clean, rng)
        asked = {Degradation.LOWLIGHT, Degradation.HAZE} & set(kinds)  # how bright it should be
        if not asked and rng.random() < self.mix.dim:
            clean = dim(clean, rng)
        if self._unstored.isdisjoint(kinds) and rng.random() < self.mix.stored:
            odds = [share for _, share, *_ in _STORAGE]
            kind, _, low, high = _STORAGE[rng.choice(len(_STORAGE), p=odds)]
            clean = degrade(clean, kind, rng.uniform(low, high), rng)
        degraded, labels = self._damage(clean, kinds, depth, rng, beside=beside)
        return clean, degraded, labels, self._shares(kinds, labels)

    def _shares(self, kinds: list[str], labels: NDArray[np.uint8]) -> Tensor:
        """Share of each class: of the labelled area, else equal parts of ``kinds``."""
        counts = np.bincount(labels.ravel(), minlength=256)[: len(self.classes)]
        if not counts.any():
            counts = np.bincount([self._label(k) for k in kinds], minlength=len(self.classes))
        return torch.from_numpy(counts / counts.sum()).float()

    def _kinds(self, name: str, rng: np.random.Generator) -> tuple[list[str], bool]:
        """Draw what comes with ``name``, and whether beside it or over it, in their order."""
        draw = rng.random()
        company = self.mix.company or self.names
        if draw < self.mix.cutmix:
            return [name, *(str(n) for n in rng.choice(company, size=2) if n != name)], True
        if draw < self.mix.cutmix + self.mix.compound and name != CLEAN:
            second = [n for n in company if n not in (CLEAN, name)]
            return in_order([name, str(rng.choice(second or [name]))]), False
        return [name], True

    def _damage(
        self,
        clean: Picture,
        kinds: list[str],
        depth: Picture | None,
        rng: np.random.Generator,
        *,
        beside: bool,
    ) -> tuple[Picture, NDArray[np.uint8]]:
        """Degrade one picture by each kind, in parts of it or one over the other."""
        if not beside:
            picture, even = clean, rng.random() < _EVEN_SHARE
            for kind in kinds:
                severity = rng.uniform(*_EVEN) if even else None
                picture = self._degrade(picture, kind, depth, rng, severity)
            return picture, np.full(clean.shape[:2], IGNORE, np.uint8)
        copies = [self._degrade(clean, kind, depth, rng) for kind in kinds]
        if len(copies) > 1:
            return cutmix(copies, [self._label(kind) for kind in kinds], rng)
        return copies[0], np.full(clean.shape[:2], self._label(kinds[0]), np.uint8)

    def _degrade(
        self,
        clean: Picture,
        name: str,
        depth: Picture | None,
        rng: np.random.Generator,
        severity: float | None = None,
    ) -> Picture:
        """Degrade by one kind, at a severity of its sampler where none is given."""
        if name == CLEAN:
            return clean
        own = self.own.get(name)
        if severity is None:
            severity = own.sample_severity(rng) if own else sample_severity(name, rng)
        if own:
            return own.degrade(clean, severity, rng)
        return degrade(clean, name, severity, rng, depth=depth)

    def _label(self, name: str) -> int:
        return self.classes.index(name)

    def _window(self, sample: Sample, rng: np.random.Generator) -> tuple[Picture, Picture | None]:
        """Cut a random part of a sample: the clean one, and its degraded one or its depth."""
        real = sample.degraded is not None
        height, width = sample.clean.shape[:2]
        window = Window.draw((height, width), self.mix.window, rng, rescale=not real)
        other = sample.degraded if real else sample.depth
        return window.cut(sample.clean), None if other is None else window.cut(other)
