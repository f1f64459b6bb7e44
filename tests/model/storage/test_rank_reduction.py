import dataclasses

import pytest
import torch

from model.model_info import AdapterInfo
from model.networks.asked import Asked
from model.storage.rank_reduction import cut_adapter
from tests.model.conftest import make_description, make_network


def test_an_adapter_whose_update_has_a_low_rank_is_cut_to_it_without_loss(whole):
    network = make_network(6)
    told = dataclasses.replace(network.adapters[0], sha256="ab", bytes=5, gain_db=2.0)
    network.adapters = (told,)
    for layer in network.adapted_convolutions().values():
        assert layer.lora_B is not None
        layer.lora_B[:, 2:] = 0  # four of its six components do nothing
    crop, description = torch.rand(1, 3, 32, 32), make_description(network)
    full = Asked(torch.ones(1, 5), torch.ones(1, 1))
    before = network.restore_crops(crop, description, full, whole)
    cut_adapter(network, 2)
    assert network.adapters == (
        AdapterInfo(name=told.name, title=told.title, degradation=told.degradation, rank=2),
    )
    after = network.restore_crops(crop, description, full, whole)
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-4)
    cut_adapter(network, 1)
    assert (network.restore_crops(crop, description, full, whole) - before).abs().max() > 1e-3
    with pytest.raises(ValueError, match="of rank 1 can't be cut to 2"):
        cut_adapter(network, 2)


def test_one_of_several_adapters_is_not_cut(network):
    with pytest.raises(ValueError, match="just one adapter must be loaded, got 3"):
        cut_adapter(network, 1)
