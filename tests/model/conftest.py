import pytest
import torch

from model.config import Degradation, RestorerConfig
from model.model_info import AdapterInfo
from model.networks.asked import Asked
from model.networks.description import Description
from model.networks.estimator import Estimator
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


def make_restorer(*ranks: int, seed: int = 0) -> Restorer:
    """A tiny restorer with every weight drawn, and one adapter for each of ``ranks``."""
    torch.manual_seed(seed)
    restorer = Restorer(TINY)
    kinds = list(Degradation)[: len(ranks)]
    for layer in restorer.adapted_convolutions().values():
        layer.set_adapters([layer.new_adapter(rank) for rank in ranks])
    restorer.adapters = tuple(
        AdapterInfo(name=kind.value, title=kind.value, degradation=kind.value, rank=rank)
        for kind, rank in zip(kinds, ranks, strict=True)
    )
    restorer.estimator = Estimator(TINY, len(ranks))
    for name, parameter in restorer.named_parameters():
        torch.nn.init.normal_(parameter, std=0.2 if "lora" in name else 0.1)
    return restorer.eval().requires_grad_(requires_grad=False)


def make_description(restorer: Restorer, batch: int = 1) -> Description:
    """Random contexts, features and amounts of ``batch`` pictures."""
    config = restorer.config
    return Description(
        torch.randn(batch, config.context_dim),
        torch.randn(batch, 4 * config.context_width, 12, 12),
        torch.rand(batch, len(restorer.adapters)),
    )


def make_asked(restorer: Restorer, batch: int = 1) -> Asked:
    """Random amounts of all that can be asked for, of ``batch`` pictures."""
    return restorer.ask(torch.rand(batch, len(restorer.askable)))


@pytest.fixture
def restorer() -> Restorer:
    return make_restorer(2, 4, 3)


@pytest.fixture
def unsure(restorer: Restorer) -> Restorer:
    """A restorer whose estimator finds three different amounts."""
    restorer.estimator.classify.weight.zero_()
    restorer.estimator.classify.bias.copy_(torch.tensor([-0.5, 1.0, 0.3]))
    return restorer


@pytest.fixture
def whole() -> torch.Tensor:
    """Box of a crop that is the whole picture."""
    return torch.tensor([[0.0, 0.0, 1.0, 1.0]])
