"""One blind restorer: baseline, adapters, estimator, and how a picture goes through them."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from model.config import RestorerConfig
from model.model_info import AdapterInfo, ModelInfo
from model.networks.asked import Asked
from model.networks.backbone import Backbone, Blends, Restored
from model.networks.description import Description
from model.networks.estimator import Estimator, PictureEncoder, amounts_from
from model.networks.layers import look_up
from model.networks.lora import AdaptedConv2d, Blend
from model.networks.segmentation import SegmentationHead
from model.networks.whole_picture_views import Views, sample_views
from model.precision import arithmetic, choose_precision
from model.restoring.crops import Crop, crops_of, kept, to_levels
from model.restoring.photographs import Photo, as_planes, like
from model.restoring.spatial_weights import join_cells, lead, sum_by_cell
from model.restoring.wishes import amounts_for


class Restorer(nn.Module):
    """Blind all-in-one restorer (ABAIR): ``W = W0 + sum_k a_k B_k A_k`` with amounts ``a``.

    The estimator gives the amount of each degradation. The amounts that are asked for are told to
    the baseline and blend the adapters; what is not asked for stays in the picture.

    Args:
        config: Sizes.

    Examples:
        >>> import numpy as np
        >>> from model import Restorer
        >>> restorer = Restorer.load()
        >>> photo = np.full((48, 64, 3), 120, dtype=np.uint8)  # or a PIL image
        >>> restorer.restore(photo).shape
        (48, 64, 3)
        >>> restorer.restore(photo, adapters={"noise": 0.5, "rain": 0.2}, strength=0.8).dtype
        dtype('uint8')
        >>> bool((restorer.restore(photo, strength=0) == photo).all())
        True
    """

    def __init__(self, config: RestorerConfig) -> None:
        super().__init__()
        self.config = config
        self.context = PictureEncoder(config.context_width, config.context_dim)
        self.backbone = Backbone(config)
        self.head = SegmentationHead(config)
        self.estimator = Estimator(config, 0)
        self.adapters: tuple[AdapterInfo, ...] = ()
        self.info = ModelInfo(parameters=sum(p.numel() for p in self.parameters()))

    @classmethod
    def load(cls, folder: Path | str | None = None) -> "Restorer":
        """Load a restorer with its adapters from ``folder``; as ``model.load``."""
        from model import load  # upwards, this once: the door that users look for is here

        return load(folder)

    def channels_last(self) -> "Restorer":
        """Lay the kernels out as the convolutions want them; returns itself."""
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    @property
    def device(self) -> torch.device:
        """Where the parameters are; pictures come and go on the CPU."""
        return self.backbone.tone.weight.device

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of ``segment``, in channel order."""
        return self.config.classes

    @property
    def reach(self) -> int:
        """Pixels of margin that make crops exact, for restoring and for segmenting."""
        return self.backbone.reach + self.head.reach

    def adapted_convolutions(self) -> dict[str, AdaptedConv2d]:
        """Return the convolutions that carry adapters, by their name in the backbone."""
        return {
            name: layer
            for name, layer in self.backbone.named_modules()
            if isinstance(layer, AdaptedConv2d)
        }

    def install_new(self, info: AdapterInfo) -> None:
        """Make one new adapter resident, in place of all others; it changes nothing yet."""
        for layer in self.adapted_convolutions().values():
            layer.set_adapters([layer.new_adapter(info.rank)])
        self.adapters = (info,)
        self.estimator = Estimator(self.config, 1)

    def describe(self, views: Views) -> Description:
        """Look at whole pictures.

        Args:
            views: Views of B pictures.

        Returns:
            Their descriptions; ``amounts`` has no column when no adapter is resident.
        """
        context, features = self.context(views)
        return Description(context, features, amounts_from(self.estimator(views)))

    @property
    def askable(self) -> tuple[str, ...]:
        """Names of what can be asked for: the K adapters, then what the baseline alone removes."""
        removed = {adapter.degradation for adapter in self.adapters}
        rest = (kind for kind in self.config.degradations if kind not in removed)
        return (*(adapter.name for adapter in self.adapters), *rest)

    def ask(self, amounts: Tensor, *, adapters: bool = True, field: Tensor | None = None) -> Asked:
        """Ask for amounts.

        Args:
            amounts: Of ``askable``, shape (B, K + M), in [0, 1]; only the adapters' where (B, K).
            adapters: Whether the adapters take part; else the baseline alone does what it can.
            field: Weights of the adapters that vary over crops, shape (B, K, h, w), if they do.
        """
        known, count = self.config.degradations, len(self.adapters)
        kinds = [*(adapter.degradation for adapter in self.adapters), *self.askable[count:]]
        columns: dict[str, Tensor] = {}
        for kind, amount in zip(kinds, amounts.unbind(dim=1), strict=False):
            columns[kind] = amount.maximum(columns.get(kind, amount))
        none = amounts.new_zeros(len(amounts))
        told = torch.stack([columns.get(kind, none) for kind in known], dim=1)
        if not adapters:
            return Asked(told)
        alone = F.pad(amounts[:, count:], (0, 1)).amax(dim=1)  # nothing where there is nothing
        return Asked(told, amounts[:, :count], field, alone)

    def ask_all(self, count: int) -> Asked:
        """Ask the baseline for all that it can remove, of ``count`` pictures."""
        return Asked(torch.ones(count, len(self.config.degradations), device=self.device))

    def restore(
        self,
        image: Photo,
        *,
        adapters: str | Mapping[str, float] = "auto",
        keep: Collection[str] = (),
        strength: float = 1.0,
        tile: int = 1024,
    ) -> Photo:
        """Restore one photograph, an array or a PIL image.

        Args:
            image: An array of shape (H, W, 3), uint8 or uint16, RGB; or a PIL image of 8 bits a
                channel, whose grey stays grey and whose alpha is carried through untouched.
            adapters: As of ``restore_picture``.
            keep: As of ``restore_picture``.
            strength: As of ``restore_picture``.
            tile: As of ``restore_picture``.

        Returns:
            What came, restored: an array for an array, of its type; an image for an image.

        Raises:
            TypeError: If it is neither, or an image of other bits.
            ValueError: If its shape isn't (H, W, 3), or ``adapters`` names something unknown.
        """
        restored = self.restore_picture(
            as_planes(image), adapters=adapters, keep=keep, strength=strength, tile=tile
        )
        return like(image, restored)

    def restore_crops(
        self, crop: Tensor, description: Description, asked: Asked, box: Tensor
    ) -> Tensor:
        """Restore crops.

        Args:
            crop: Shape (B, 3, h, w), RGB in [0, 1]; sides are multiples of ``config.multiple``.
            description: Of the pictures that the crops are from, B.
            asked: What is to be removed, B.
            box: Where the crops lie in their pictures, shape (B, 4), fractions.

        Returns:
            Restored crops, same shape, about [0, 1] but not clamped.
        """
        image: Tensor = self.forward(crop, description, asked, box).image
        return image

    def segment(self, crop: Tensor, description: Description, box: Tensor) -> Tensor:
        """Return the probability of each class at each pixel, (B, C, h, w), by the baseline."""
        out = self.forward(crop, description, self.ask_all(len(crop)), box)
        logits: Tensor = self.head(out.features)
        return logits.float().softmax(dim=1)

    def forward(
        self, crop: Tensor, description: Description, asked: Asked, box: Tensor
    ) -> Restored:
        """Run the backbone: the restored crops and the features for the head."""
        crop = crop.contiguous(memory_format=torch.channels_last)
        blends = Blends()
        if asked.weights is not None and self.adapters:
            whole = self.blend(asked.weights)
            blends = Blends(whole, whole if asked.field is None else self.blend(asked.field))
        out: Restored = self.backbone(crop, description, asked, box, blends)
        return out

    def blend(self, weights: Tensor) -> Blend:
        """Spread adapter weights (B, K[, h, w]) over rank components; merge where all rows agree.

        Raises:
            ValueError: If K is not the number of resident adapters.
        """
        if weights.shape[1] != len(self.adapters):
            raise ValueError(
                f"weights must have one column for each of {len(self.adapters)} adapters, "
                f"got shape {tuple(weights.shape)}"
            )
        ranks = torch.tensor([a.rank for a in self.adapters], device=weights.device)
        count = sum(a.rank for a in self.adapters)  # given, to avoid a GPU synchronisation
        scale = weights.new_tensor([a.scaling for a in self.adapters])
        scaled = weights * scale.view(1, -1, *[1] * (weights.dim() - 2))
        components = scaled.repeat_interleave(ranks, dim=1, output_size=count)
        alike = weights.dim() == 2 and not self.training and bool((weights == weights[:1]).all())
        return Blend(components[0] if alike else components)

    @torch.inference_mode()
    def restore_picture(
        self,
        picture: Tensor,
        *,
        adapters: str | Mapping[str, float] = "auto",
        keep: Collection[str] = (),
        strength: float = 1.0,
        blend: str = "image",
        tile: int = 1024,
        precision: str = "auto",
    ) -> Tensor:
        """Restore one whole picture of any size.

        Args:
            picture: Shape (3, H, W), uint8 or uint16, sRGB.
            adapters: ``auto`` (the estimated amounts are removed), ``top`` (only the largest),
                the amount to remove of each degradation by adapter name, in [0, 1], or ``none``
                (the estimated amounts, by the baseline without adapters).
            keep: Names of adapters whose degradation stays in the picture.
            strength: Blend of output and input, 0 (input) to 1.
            blend: ``image`` (one set of weights) or ``pixel``: they vary smoothly over the
                picture, led by its degradation map, which is made first.
            tile: Pictures above ``tile * tile`` pixels are restored in exact tiles.
            precision: ``auto``, ``bf16`` or ``fp32``.

        Returns:
            Shape and type of ``picture``.

        Raises:
            ValueError: If ``adapters`` names an unknown mode or adapter, or ``blend`` is neither.
        """
        if blend not in ("image", "pixel"):
            raise ValueError(f"blend must be image or pixel, got {blend!r}")
        precision = choose_precision(precision, self.device.type)
        description = self.describe(sample_views(picture).to(self.device))
        names = self.askable
        estimated = description.amounts[0].tolist() + [0.0] * (len(names) - len(self.adapters))
        amounts = amounts_for(adapters, estimated, names, keep=keep)
        if not any(amounts) or strength == 0:
            return picture.clone()
        asked = self.ask(torch.tensor([amounts], device=self.device), adapters=adapters != "none")
        varying = None
        if blend == "pixel" and asked.weights is not None:
            seen = self._seen_by_cell(picture, description, tile, precision)
            led = self.lead(amounts[: len(self.adapters)], seen)
            varying = torch.from_numpy(led)[None].to(self.device)
        out = torch.empty_like(picture)
        for crop in self._crops(picture, tile):
            if varying is not None:
                field = self.over_crop(varying, crop.box, crop.pixels.shape)
                asked = dataclasses.replace(asked, field=field)
            with arithmetic(precision, self.device.type):
                restored = self.restore_crops(crop.pixels, description, asked, crop.box)
            blended = torch.lerp(crop.pixels, restored, strength)
            crop.put(out, to_levels(blended, out.dtype)[0])
        return out

    @torch.inference_mode()
    def label_picture(
        self, picture: Tensor, *, tile: int = 1024, precision: str = "auto"
    ) -> Tensor:
        """Map the degradations of one whole picture; arguments as of ``restore_picture``.

        Returns:
            The likeliest class of each pixel, an index into ``classes``, shape (H, W), uint8.
        """
        precision = choose_precision(precision, self.device.type)
        description = self.describe(sample_views(picture).to(self.device))
        labels = torch.empty(picture.shape[1:], dtype=torch.uint8)
        for crop in self._crops(picture, tile):
            with arithmetic(precision, self.device.type):
                probabilities = self.segment(crop.pixels, description, crop.box)
            crop.put(labels, probabilities[0].argmax(dim=0).to(torch.uint8))
        return labels

    def lead(self, weights: Sequence[float], seen: NDArray[np.float64]) -> NDArray[np.float32]:
        """Spread one picture's weights (K) over its cells -> (K, gh, gw); see ``fields.lead``."""
        degradations = [adapter.degradation for adapter in self.adapters]
        return lead(weights, seen, classes=self.classes, degradations=degradations)

    def over_crop(self, field: Tensor, box: Tensor, shape: Sequence[int]) -> Tensor:
        """Interpolate weights over cells at crops.

        Args:
            field: As of ``lead``, for B pictures, shape (B, K, gh, gw).
            box: Where the crops lie, shape (B, 4), fractions.
            shape: Of the crops, (B, 3, h, w).

        Returns:
            Weights for ``restore``, shape (B, K, h/u, w/u).
        """
        fold = self.config.unshuffle
        return look_up(field, box, shape[-2] // fold, shape[-1] // fold)

    def _seen_by_cell(
        self, picture: Tensor, description: Description, tile: int, precision: str
    ) -> NDArray[np.float64]:
        """Average the map of a picture over its cells: (C, gh, gw)."""
        height, width = picture.shape[1:]
        parts = []
        for crop in self._crops(picture, tile):
            with arithmetic(precision, self.device.type):
                probabilities = kept(self.segment(crop.pixels, description, crop.box), crop.tile)
            keep = crop.tile.keep
            parts.append((keep, sum_by_cell(probabilities[0], keep, height, width).cpu().numpy()))
        return join_cells(parts, height, width)

    def _crops(self, picture: Tensor, tile: int) -> Iterator[Crop]:
        return crops_of(
            picture,
            tile=tile,
            halo=self.reach,
            multiple=self.config.multiple,
            device=self.device,
        )
