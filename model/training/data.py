"""Batches: pictures degraded on the fly, seen whole by the encoders and in crops by the restorer.

Every picture is a pure function of (seed, step, place in the batch), so that a resumed run sees
what an uninterrupted one would have seen, and several processes can each make their part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.config import CLASSES, CLEAN, Degradation
from model.degradations import OwnDegradation, cutmix, degrade, in_order, sample_severity, to_bytes
from model.networks.whole_picture_views import Views, sample_views
from model.restoring.photographs import as_planes
from model.training.asks import Asks, Layer, amounts_in, draw_asks
from model.training.batch import IGNORE, Batch
from model.training.drawings import draw
from model.training.mix import EVEN_SEVERITIES, Mix
from model.training.sources import Sample, Sources
from model.training.team import Team
from model.training.tones import dim, retone, soften
from model.training.windows import Picture, Window

_STORAGE = ("jpeg", 0.7, 0.05, 1.0), ("bitdepth", 0.3, 0.2, 0.6)
"""What storing did to photographs, odds and severities: quality 96 to 10; 147 to 49 levels."""

_LEAST_AREA = 0.04
"""Share of a picture's area from which a degradation in a part of it has an amount."""


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
        crops, rows, views = [], [], []
        for place in self.places:
            rng = np.random.default_rng([self.seed, step, place])
            made = self._picture(rng)
            degraded, target = (as_planes(to_bytes(of)) for of in (made.degraded, made.target))
            whole = degraded, target, torch.from_numpy(made.labels)
            rows.append((made.shares, made.amounts, made.asked))
            seen = sample_views(whole[0])
            views.append(Views(seen.thumbnail, seen.patches.mul(255).round().to(torch.uint8)))
            for _ in range(self.mix.crops):
                crops.append(self._crop(whole, rng))
        degraded, target, labels, box = map(torch.stack, zip(*crops, strict=True))
        shares, amounts, asked = map(torch.stack, zip(*rows, strict=True))
        view = Views.stack(views)
        return Batch(degraded, target, labels, box, shares, amounts, asked, view, self.classes)

    def _crop(
        self, whole: tuple[Tensor, Tensor, Tensor], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Cut one crop: degraded, target, labels, and where it lies."""
        (height, width), side = whole[-1].shape, self.mix.crop
        top, left = (int(rng.integers(0, length - side + 1)) for length in (height, width))
        box = (top / height, left / width, (top + side) / height, (left + side) / width)
        degraded, target, labels = (of[..., top : top + side, left : left + side] for of in whole)
        return degraded, target, labels, torch.tensor(box, dtype=torch.float32)

    def _picture(self, rng: np.random.Generator) -> "_Made":
        """Draw one whole picture."""
        name = self.names[rng.choice(len(self.names), p=self.odds)]
        pairs = self.sources.pairs.get(name, [])
        if pairs and rng.random() < self.mix.pairs:
            return self._real(name, pairs[rng.integers(len(pairs))], rng)
        with_depth = name == Degradation.HAZE and rng.random() < self.mix.depth
        pool = self.sources.depth if with_depth and self.sources.depth else self.sources.clean
        clean, depth = self._window(pool[rng.integers(len(pool))], rng)
        if depth is not None:  # cameras stand at any distance; d = z - u z_min
            depth = depth - depth.min() * np.float32(rng.random())
        kinds, beside = self._kinds(name, rng)
        if depth is None and rng.random() < self.mix.drawn:
            height, width = clean.shape[:2]
            clean = draw(height, width, rng)
        else:
            clean = self._render(clean, kinds, rng)
        even = not beside and rng.random() < self.mix.even
        layers = [self._layer(kind, rng, even=even) for kind in kinds]
        asks = draw_asks(layers, self.mix, rng)
        left = [layer.left_by(asks) for layer in layers]
        seed = int(rng.integers(2**31))
        degraded, labels = self._damage(clean, layers, depth, seed, beside=beside)
        target = degraded if left == layers else clean
        if left != layers and any(layer.severity for layer in left if layer.kind != CLEAN):
            target, _ = self._damage(clean, left, depth, seed, beside=beside)
        return self._made(degraded, target, labels, amounts_in(layers), asks)

    def _real(self, name: str, sample: Sample, rng: np.random.Generator) -> "_Made":
        """Take a real pair, whose degradation counts as there in full."""
        clean, degraded = self._window(sample, rng)
        assert degraded is not None
        layer = Layer(name, 1.0, 0)
        asks = draw_asks([layer], self.mix, rng)
        if layer.left_by(asks) != layer:
            asks[name] = max(asks[name], layer.amount)  # what lies between is not known
        target = clean if asks.get(name) else degraded
        labels = np.full(clean.shape[:2], self._label(name), np.uint8)
        return self._made(degraded, target, labels, {name: layer.amount}, asks)

    def _render(self, clean: Picture, kinds: list[str], rng: np.random.Generator) -> Picture:
        """Give a photograph other tones, and the traces of storing, as photographs have them."""
        if Degradation.LOWLIGHT not in kinds and rng.random() < self.mix.retone:
            clean = retone(clean, rng)
        asked = {Degradation.LOWLIGHT, Degradation.HAZE} & set(kinds)  # how bright it should be
        if not asked and rng.random() < self.mix.dim:
            clean = dim(clean, rng)
        if Degradation.BLUR not in kinds and rng.random() < self.mix.soft:
            clean = soften(clean, rng)
        if self._unstored.isdisjoint(kinds) and rng.random() < self.mix.stored:
            odds = [share for _, share, *_ in _STORAGE]
            kind, _, low, high = _STORAGE[rng.choice(len(_STORAGE), p=odds)]
            clean = degrade(clean, kind, rng.uniform(low, high), rng)
        return clean

    def _layer(self, kind: str, rng: np.random.Generator, *, even: bool) -> Layer:
        """Draw one degradation: its severity, and what its generator starts from."""
        seed = int(rng.integers(2**31))
        if kind == CLEAN:
            return Layer(kind, 0.0, seed)
        if even:
            return Layer(kind, rng.uniform(*EVEN_SEVERITIES), seed)
        own = self.own.get(kind)
        return Layer(kind, own.sample_severity(rng) if own else sample_severity(kind, rng), seed)

    def _made(
        self,
        degraded: Picture,
        target: Picture,
        labels: NDArray[np.uint8],
        amounts: Mapping[str, float],
        asks: Asks,
    ) -> "_Made":
        counts = np.bincount(labels.ravel(), minlength=256)[: len(self.classes)]
        beside = counts.any()
        if not beside:
            counts = np.bincount([self._label(k) for k in amounts], minlength=len(self.classes))
        shares = counts / counts.sum()
        there = np.array([amounts.get(name, 0.0) for name in self.classes])
        if beside:
            there[shares < _LEAST_AREA] = 0
        rows = shares, there, [asks.get(name, 0.0) for name in self.classes]
        return _Made(
            degraded, target, labels, *(torch.tensor(row, dtype=torch.float32) for row in rows)
        )

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
        layers: Sequence[Layer],
        depth: Picture | None,
        seed: int,
        *,
        beside: bool,
    ) -> tuple[Picture, NDArray[np.uint8]]:
        """Degrade one picture by each layer, in parts of it or one over the other."""
        if not beside:
            picture = clean
            for layer in layers:
                picture = self._degrade(picture, layer, depth)
            return picture, np.full(clean.shape[:2], IGNORE, np.uint8)
        copies = [self._degrade(clean, layer, depth) for layer in layers]
        if len(copies) > 1:
            labels = [self._label(layer.kind) for layer in layers]
            return cutmix(copies, labels, np.random.default_rng(seed))
        return copies[0], np.full(clean.shape[:2], self._label(layers[0].kind), np.uint8)

    def _degrade(self, clean: Picture, layer: Layer, depth: Picture | None) -> Picture:
        if layer.kind == CLEAN or layer.severity == 0:
            return clean
        rng = np.random.default_rng(layer.seed)
        if own := self.own.get(layer.kind):
            return own.degrade(clean, layer.severity, rng)
        return degrade(clean, layer.kind, layer.severity, rng, depth=depth)

    def _label(self, name: str) -> int:
        return self.classes.index(name)

    def _window(self, sample: Sample, rng: np.random.Generator) -> tuple[Picture, Picture | None]:
        """Cut a random part of a sample: the clean one, and its degraded one or its depth."""
        real = sample.degraded is not None
        height, width = sample.clean.shape[:2]
        window = Window.draw((height, width), self.mix.window, rng, rescale=not real)
        other = sample.degraded if real else sample.depth
        return window.cut(sample.clean), None if other is None else window.cut(other)


@dataclass(frozen=True)
class _Made:
    """One whole picture that was drawn; its parts are as of ``Batch``."""

    degraded: Picture
    target: Picture
    labels: NDArray[np.uint8]
    shares: Tensor
    amounts: Tensor
    asked: Tensor
