from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model.config import Degradation, RestorerConfig
from model.model_info import AdapterInfo
from model.networks.asked import Asked
from model.networks.description import Description
from model.networks.estimator import Estimator
from model.networks.restoration import RestorationNetwork
from model.restoring.restorer import Restorer

TINY = RestorerConfig(
    widths=(8, 12, 16),
    encoder_blocks=(1, 1),
    middle_blocks=1,
    decoder_blocks=(1, 1),
    context_width=4,
    context_dim=8,
    grid_dim=6,
    tone_bins=4,
    tone_width=5,
)


def make_network(*ranks: int, seed: int = 0) -> RestorationNetwork:
    """A tiny network with every weight drawn, and one adapter for each of ``ranks``."""
    torch.manual_seed(seed)
    network = RestorationNetwork(TINY)
    kinds = list(Degradation)[: len(ranks)]
    for layer in network.adapted_convolutions().values():
        layer.set_adapters([layer.new_adapter(rank) for rank in ranks])
    network.adapters = tuple(
        AdapterInfo(name=kind.value, title=kind.value, degradation=kind.value, rank=rank)
        for kind, rank in zip(kinds, ranks, strict=True)
    )
    network.estimator = Estimator(TINY, len(ranks))
    for name, parameter in network.named_parameters():
        torch.nn.init.normal_(parameter, std=0.2 if "lora" in name else 0.1)
    return network.eval().requires_grad_(requires_grad=False)


def make_description(network: RestorationNetwork, batch: int = 1) -> Description:
    """Random contexts, features and amounts of ``batch`` pictures."""
    config = network.config
    return Description(
        torch.randn(batch, config.context_dim),
        torch.randn(batch, 4 * config.context_width, 12, 12),
        torch.rand(batch, len(network.adapters)),
    )


def make_asked(network: RestorationNetwork, batch: int = 1) -> Asked:
    """Random amounts of all that can be asked for, of ``batch`` pictures."""
    return network.ask(torch.rand(batch, len(network.askable)))


@pytest.fixture
def network() -> RestorationNetwork:
    return make_network(2, 4, 3)


@pytest.fixture
def unsure(network: RestorationNetwork) -> Restorer:
    """A network whose estimator finds three different amounts."""
    network.estimator.classify.weight.zero_()
    network.estimator.classify.bias.copy_(torch.tensor([-0.5, 1.0, 0.3]))
    return Restorer(network)


@pytest.fixture
def whole() -> torch.Tensor:
    """Box of a crop that is the whole picture."""
    return torch.tensor([[0.0, 0.0, 1.0, 1.0]])


def write_picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A folder of six tasks of two 24x20 pictures; degraded is the clean one 10 levels brighter."""
    rng = np.random.default_rng(0)
    for task in ("blur", "blur_small", "haze", "lowlight", "noise25", "rain"):
        for name in ("b", "a"):
            clean = rng.integers(0, 200, (24, 20, 3), dtype=np.uint8)
            write_picture(tmp_path / task / "clean" / f"{name}.png", clean)
            write_picture(tmp_path / task / "degraded" / f"{name}.bmp", clean + np.uint8(10))
    return tmp_path
