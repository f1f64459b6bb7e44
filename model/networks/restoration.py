"""The whole network: baseline, adapters, estimator and segmentation head, on tensors of crops."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
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
from model.networks.whole_picture_views import Views


class RestorationNetwork(nn.Module):
    """Network of the blind all-in-one restorer (ABAIR): ``W = W0 + sum_k a_k B_k A_k``.

    The estimator gives the amount of each degradation. The amounts ``a`` that are asked for enter
    the baseline and blend the adapters. What is not asked for stays in the picture. The network
    works on crops and on views of whole pictures; ``model.Restorer`` restores whole pictures.

    Args:
        config: Sizes.

    Attributes:
        config: Sizes.
        adapters: Installed adapters, K, in the order of their weights.
        info: Name, digest and size of the baseline.
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

    def channels_last(self) -> "RestorationNetwork":
        """Lay the kernels out with the channels last, as the convolutions need; returns itself."""
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    @property
    def device(self) -> torch.device:
        """Device of the parameters."""
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
        """Install one new adapter in place of all others; it changes nothing yet."""
        for layer in self.adapted_convolutions().values():
            layer.set_adapters([layer.new_adapter(info.rank)])
        self.adapters = (info,)
        self.estimator = Estimator(self.config, 1)

    def describe(self, views: Views) -> Description:
        """Compute the whole-picture features and amounts that all tiles of a picture share.

        Args:
            views: Views of B pictures.

        Returns:
            Descriptions of the B pictures; ``amounts`` has no column when no adapter is installed.
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

    def over_crop(self, field: Tensor, box: Tensor, shape: Sequence[int]) -> Tensor:
        """Interpolate adapter weights that vary over cells of whole pictures at crops.

        Args:
            field: Weights of each cell of B pictures, shape (B, K, gh, gw).
            box: Where the crops lie, shape (B, 4), fractions.
            shape: Of the crops, (B, 3, h, w).

        Returns:
            Weights for ``ask``, shape (B, K, h/u, w/u).
        """
        fold = self.config.unshuffle
        return look_up(field, box, shape[-2] // fold, shape[-1] // fold)
