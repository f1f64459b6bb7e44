from pathlib import Path

import pytest
import torch

from model import AdapterInfo, RestorationNetwork, RestorerConfig
from model.networks.estimator import Estimator
from model.storage.checkpoint import save_adapter, save_base, save_estimator


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of random weights of a tiny network with adapters rain and noise."""
    torch.manual_seed(0)
    config = RestorerConfig(
        widths=(8, 8),
        encoder_blocks=(1,),
        middle_blocks=1,
        decoder_blocks=(1,),
        context_width=4,
        context_dim=8,
        grid_dim=4,
    )
    network = RestorationNetwork(config)
    for parameter in network.backbone.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    names = ("rain", "noise")
    for layer in network.adapted_convolutions().values():
        layer.set_adapters([layer.new_adapter(2) for _ in names])
    network.adapters = tuple(
        AdapterInfo(name=name, title=name.title(), degradation=name, rank=2) for name in names
    )
    network.estimator = Estimator(config, len(names))
    folder = tmp_path_factory.mktemp("weights")
    save_base(network, folder, name="tiny", licence="none", provenance={})
    for name in names:
        save_adapter(network, name, folder / "adapters" / name, config={}, card="tiny")
    save_estimator(network, folder, provenance={})
    return folder
