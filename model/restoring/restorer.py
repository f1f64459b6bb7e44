"""Restore whole pictures of any size with one network."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from model.config import RestorerConfig
from model.model_info import AdapterInfo, ModelInfo
from model.networks.description import Description
from model.networks.restoration import RestorationNetwork
from model.networks.whole_picture_views import sample_views
from model.pictures import Pixels
from model.precision import arithmetic, choose_precision
from model.restoring.crops import Crop, crops_of, kept, to_levels
from model.restoring.photographs import Photo, as_pixels, as_planes, image_of, picture_of
from model.restoring.spatial_weights import join_cells, sum_by_cell, weights_by_cell
from model.restoring.wishes import amounts_for
from model.storage.checkpoint import load_network


class Restorer:
    """Restores whole pictures: photographs as users have them, or tensors.

    The network gives the amount of each degradation in the picture, and removes the amounts that
    are asked for. What is not asked for stays in the picture.

    Args:
        network: The network, on the device that is to compute. It is used as it is, not copied.

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

    def __init__(self, network: RestorationNetwork) -> None:
        self.network = network

    @classmethod
    def load(cls, folder: Path | str | None = None) -> "Restorer":
        """Load the network with its adapters from ``folder``; errors as of ``load_network``.

        Args:
            folder: Where ``base.safetensors`` is; the bundled weights when None.
        """
        return cls(load_network(folder))

    def to(self, device: torch.device | str) -> "Restorer":
        """Move the network to ``device``, such as ``cuda``; returns itself.

        Pictures come and go on the CPU.
        """
        self.network.to(device)
        return self

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return self.network.device

    @property
    def config(self) -> RestorerConfig:
        """Sizes of the network."""
        return self.network.config

    @property
    def info(self) -> ModelInfo:
        """Name, digest and size of the baseline."""
        return self.network.info

    @property
    def adapters(self) -> tuple[AdapterInfo, ...]:
        """Installed adapters, in the order of their weights."""
        return self.network.adapters

    @property
    def askable(self) -> tuple[str, ...]:
        """Names of what can be asked for: the adapters, then what the baseline alone removes."""
        return self.network.askable

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of ``label_picture``, in the order of their indices."""
        return self.network.classes

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

        A PIL image is treated as the file that holds it is by the service and by ``abair restore``:
        it comes back upright, in its own colours, with its profile and EXIF.

        Args:
            image: An array of shape (H, W, 3), uint8 or uint16, sRGB; or a PIL image of 8 bits a
                channel, whose grey stays grey and whose alpha is carried through untouched.
            adapters: As of ``restore_picture``.
            keep: As of ``restore_picture``.
            strength: As of ``restore_picture``.
            tile: As of ``restore_picture``.

        Returns:
            An array for an array, of its shape and type; an image for an image.

        Raises:
            TypeError: If it is neither, or an image of other bits.
            ValueError: If its shape isn't (H, W, 3), or ``adapters`` names something unknown.
        """

        def restored(pixels: object) -> Pixels:
            planes = self.restore_picture(
                as_planes(pixels), adapters=adapters, keep=keep, strength=strength, tile=tile
            )
            return as_pixels(planes)

        if not isinstance(image, Image.Image):
            return restored(image)  # type: ignore[return-value]  # the type of ``image``
        picture = picture_of(image)
        out = image_of(picture, restored(picture.rgb))
        if "dpi" in image.info:
            out.info["dpi"] = image.info["dpi"]
        return out

    @torch.inference_mode()
    def estimate(self, picture: Tensor) -> dict[str, float]:
        """Estimate how much of each adapter's degradation is in a whole picture.

        Args:
            picture: Shape (3, H, W), uint8 or uint16, sRGB.

        Returns:
            Amounts in [0, 1] by adapter name.
        """
        amounts = self.network.describe(sample_views(picture).to(self.device)).amounts[0].tolist()
        names = (adapter.name for adapter in self.adapters)
        return dict(zip(names, amounts, strict=True))

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
        description = self.network.describe(sample_views(picture).to(self.device))
        names = self.askable
        estimated = description.amounts[0].tolist() + [0.0] * (len(names) - len(self.adapters))
        amounts = amounts_for(adapters, estimated, names, keep=keep)
        if not any(amounts) or strength == 0:
            return picture.clone()
        asked = self.network.ask(
            torch.tensor([amounts], device=self.device), adapters=adapters != "none"
        )
        varying = None
        if blend == "pixel" and asked.weights is not None:
            seen = self._seen_by_cell(picture, description, tile, precision)
            by_cell = weights_by_cell(
                amounts[: len(self.adapters)],
                seen,
                classes=self.classes,
                degradations=[adapter.degradation for adapter in self.adapters],
            )
            varying = torch.from_numpy(by_cell)[None].to(self.device)
        out = torch.empty_like(picture)
        for crop in self._crops(picture, tile):
            if varying is not None:
                field = self.network.over_crop(varying, crop.box, crop.pixels.shape)
                asked = dataclasses.replace(asked, field=field)
            with arithmetic(precision, self.device.type):
                restored = self.network.restore_crops(crop.pixels, description, asked, crop.box)
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
        description = self.network.describe(sample_views(picture).to(self.device))
        labels = torch.empty(picture.shape[1:], dtype=torch.uint8)
        for crop in self._crops(picture, tile):
            with arithmetic(precision, self.device.type):
                probabilities = self.network.segment(crop.pixels, description, crop.box)
            crop.put(labels, probabilities[0].argmax(dim=0).to(torch.uint8))
        return labels

    def _seen_by_cell(
        self, picture: Tensor, description: Description, tile: int, precision: str
    ) -> NDArray[np.float64]:
        """Average the map of a picture over its cells: (C, gh, gw)."""
        height, width = picture.shape[1:]
        parts = []
        for crop in self._crops(picture, tile):
            with arithmetic(precision, self.device.type):
                probabilities = kept(
                    self.network.segment(crop.pixels, description, crop.box), crop.tile
                )
            keep = crop.tile.keep
            parts.append((keep, sum_by_cell(probabilities[0], keep, height, width).cpu().numpy()))
        return join_cells(parts, height, width)

    def _crops(self, picture: Tensor, tile: int) -> Iterator[Crop]:
        return crops_of(
            picture,
            tile=tile,
            halo=self.network.reach,
            multiple=self.config.multiple,
            device=self.device,
        )


def load(folder: Path | str | None = None) -> Restorer:
    """Load a restorer with its adapters from ``folder``; as ``Restorer.load``."""
    return Restorer.load(folder)
