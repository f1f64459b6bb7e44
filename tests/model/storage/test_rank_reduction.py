import dataclasses

import pytest
import torch

from model.model_info import AdapterInfo
from model.networks.asked import Asked
from model.storage.rank_reduction import cut_adapter
from tests.model.conftest import make_description, make_restorer


def test_an_adapter_whose_update_has_a_low_rank_is_cut_to_it_without_loss(whole):
    restorer = make_restorer(6)
    told = dataclasses.replace(restorer.adapters[0], sha256="ab", bytes=5, gain_db=2.0)
    restorer.adapters = (told,)
    for layer in restorer.adapted_convolutions().values():
        assert layer.lora_B is not None
        layer.lora_B[:, 2:] = 0  # four of its six components do nothing
    crop, description = torch.rand(1, 3, 32, 32), make_description(restorer)
    full = Asked(torch.ones(1, 5), torch.ones(1, 1))
    before = restorer.restore_crops(crop, description, full, whole)
    cut_adapter(restorer, 2)
    assert restorer.adapters == (
        AdapterInfo(name=told.name, title=told.title, degradation=told.degradation, rank=2),
    )
    after = restorer.restore_crops(crop, description, full, whole)
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-4)
    cut_adapter(restorer, 1)
    assert (restorer.restore_crops(crop, description, full, whole) - before).abs().max() > 1e-3
    with pytest.raises(ValueError, match="of rank 1 can't be cut to 2"):
        cut_adapter(restorer, 2)


def test_one_of_several_adapters_is_not_cut(restorer):
    with pytest.raises(ValueError, match="just one adapter must be loaded, got 3"):
        cut_adapter(restorer, 1)
