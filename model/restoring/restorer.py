"""Restore whole pictures of any size with one network."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.config import RestorerConfig
from model.model_info import AdapterInfo, ModelInfo
from model.networks.restoration import RestorationNetwork
from model.restoring.photographs import Photo, read_photograph
from model.restoring.stream import restore_stream
from model.restoring.whole_pictures import (
    RestoreOptions,
    describe,
    map_probabilities,
    restore_alike,
)
from model.storage.checkpoint import load_network


class Restorer:
    """Restores whole pictures: arrays, PIL images or tensors.

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
        """Classes of ``degradation_map``, in the order of their indices."""
        return self.network.classes

    def restore(
        self,
        picture: Photo,
        *,
        adapters: str | Mapping[str, float] = "auto",
        amounts: Mapping[str, float] | None = None,
        keep: Collection[str] = (),
        strength: float = 1.0,
        blend: str = "image",
        tile: int = 1024,
        precision: str = "auto",
        bgr: bool = False,
    ) -> Photo:
        """Restore one photograph: an array, a PIL image or a tensor.

        A PIL image is treated as the file that holds it is by the service and by ``abair restore``:
        it comes back upright, in its own colours, with its profile and EXIF.

        Args:
            picture: An array of shape (H, W), (H, W, 3) or (H, W, 4) (grey, RGB, RGB with alpha;
                (H, W, 1) and, with alpha, (H, W, 2) are grey, too), sRGB: uint8, uint16, or float32
                in [0, 1]. Or a PIL image of 8 bits per channel. Or a tensor (3, H, W) of the same
                types. Grey stays grey, and alpha is carried through untouched.
            adapters: ``auto`` (the estimated amounts are removed), ``top`` (only the largest),
                the amount to remove of each degradation by adapter name, in [0, 1], or ``none``
                (the estimated amounts, by the baseline without adapters).
            amounts: Amounts that take the place of the estimate, such as those that ``describe``
                found in the first frame of a video; None: the picture is estimated.
            keep: Names of adapters whose degradation stays in the picture.
            strength: Blend of output and input, 0 (input) to 1.
            blend: ``image`` (one set of weights) or ``pixel`` (weights that follow the
                degradation map of the picture, which is made first).
            tile: Pictures above ``tile * tile`` pixels are restored in exact tiles.
            precision: ``auto``, ``bf16`` or ``fp32``.
            bgr: Whether the channels of the array are blue, green, red, as OpenCV has them.

        Returns:
            What ``picture`` is: an array, an image or a tensor of its shape and type.

        Raises:
            TypeError: If ``picture`` is of another type.
            ValueError: If its shape or values, or an option, can't be used.
        """
        options = RestoreOptions(
            adapters=adapters,
            amounts=amounts,
            keep=keep,
            strength=strength,
            blend=blend,
            tile=tile,
            precision=precision,
        )
        options.check(self.network)
        photograph = read_photograph(picture, bgr=bgr)
        (restored,) = restore_alike(self.network, [photograph.planes], options)
        return photograph.back(restored)  # type: ignore[no-any-return]

    def restore_many(
        self,
        pictures: Iterable[Photo],
        *,
        adapters: str | Mapping[str, float] = "auto",
        amounts: Mapping[str, float] | None = None,
        keep: Collection[str] = (),
        strength: float = 1.0,
        blend: str = "image",
        tile: int = 1024,
        precision: str = "auto",
        bgr: bool = False,
    ) -> Iterator[Photo]:
        """Restore many photographs, such as the frames of a video, faster than one by one.

        On a CPU as many pictures are restored at once as torch has threads, each on one thread. On
        a GPU, pictures of equal shape that follow each other are restored in one batch. Pictures
        are taken from ``pictures`` only as they are needed, so that a long video needs little
        memory.

        Args:
            pictures: Photographs, as of ``restore``. They may differ in shape and type.
            adapters: This and all others as of ``restore``, the same for all pictures.
            amounts: As of ``restore``.
            keep: As of ``restore``.
            strength: As of ``restore``.
            blend: As of ``restore``.
            tile: As of ``restore``.
            precision: As of ``restore``.
            bgr: As of ``restore``.

        Returns:
            An iterator over the restored pictures, in the order of ``pictures``.

        Raises:
            TypeError: As of ``restore``, when the iterator reaches the picture.
            ValueError: As of ``restore``: of options at once, of a picture when it is reached.
        """
        options = RestoreOptions(
            adapters=adapters,
            amounts=amounts,
            keep=keep,
            strength=strength,
            blend=blend,
            tile=tile,
            precision=precision,
        )
        options.check(self.network)
        photographs = (read_photograph(picture, bgr=bgr) for picture in pictures)
        return restore_stream(self.network, photographs, options)

    @torch.inference_mode()
    def describe(self, picture: Photo, *, bgr: bool = False) -> dict[str, float]:
        """Estimate how much of each adapter's degradation is in a photograph.

        Args:
            picture: As of ``restore``.
            bgr: As of ``restore``.

        Returns:
            Amounts in [0, 1] by adapter name. ``restore`` takes them as ``amounts``, or, changed,
            as ``adapters``.
        """
        planes = read_photograph(picture, bgr=bgr).planes
        (amounts,) = describe(self.network, [planes]).amounts.tolist()
        names = (adapter.name for adapter in self.adapters)
        return dict(zip(names, amounts, strict=True))

    def degradation_map(
        self, picture: Photo, *, tile: int = 1024, precision: str = "auto", bgr: bool = False
    ) -> NDArray[np.uint8]:
        """Map the degradations of a photograph.

        Args:
            picture: As of ``restore``. A PIL image is turned upright first.
            tile: As of ``restore``.
            precision: As of ``restore``.
            bgr: As of ``restore``.

        Returns:
            The likeliest class of each pixel, an index into ``classes``, shape (H, W).
        """
        planes = read_photograph(picture, bgr=bgr).planes
        labels = torch.empty(planes.shape[1:], dtype=torch.uint8)
        mapped = map_probabilities(self.network, planes, tile=tile, precision=precision)
        for crop, probabilities in mapped:
            crop.put(labels, probabilities.argmax(dim=0).to(torch.uint8))
        pixels: NDArray[np.uint8] = labels.numpy()
        return pixels


def load(folder: Path | str | None = None) -> Restorer:
    """Load a restorer with its adapters from ``folder``; as ``Restorer.load``."""
    return Restorer.load(folder)
