import copy
import dataclasses

import pytest
import torch

from model.networks.description import Description
from tests.model.conftest import make_description, make_network


def pictures(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random crops, and their positions."""
    torch.manual_seed(0)
    return torch.rand(count, 3, 32, 40), torch.rand(count, 4).sort(dim=1).values


@pytest.mark.parametrize("shared", [False, True])
def test_restoring_never_reads_a_number_back_from_the_device(shared):
    """A GPU would be waited for; the meta device has no numbers and refuses to give them."""
    network = make_network(2, 3)
    crops, positions = (values.to("meta") for values in pictures(2))
    described = make_description(network, 2)
    described = Description(
        *(
            values.to("meta")
            for values in (described.context, described.features, described.amounts)
        )
    )
    asked = network.to("meta").ask(torch.ones(2, 2, device="meta"), shared=shared)
    assert network.restore_crops(crops, described, asked, positions).shape == crops.shape


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("shared", [False, True])
def test_a_network_in_training_mode_gives_the_same_answer(count, shared):
    network = make_network(2, 3)
    crops, positions = pictures(count)
    description = make_description(network, count)
    asked = network.ask(torch.tensor([[0.3, 0.8]]).expand(count, -1), shared=shared)
    evaluated = network.eval().restore_crops(crops, description, asked, positions)
    trained = copy.deepcopy(network).train().restore_crops(crops, description, asked, positions)
    assert torch.equal(evaluated, trained)


def test_shared_weights_are_merged_and_give_what_separate_ones_give():
    network = make_network(2, 3)
    crops, positions = pictures(3)
    asked = network.ask(torch.tensor([[0.3, 0.8]]).expand(3, -1), shared=True)
    assert asked.adapter_weights is not None
    assert network.blend(asked.adapter_weights, shared=True).shared
    assert not network.blend(asked.adapter_weights).shared
    description = make_description(network, 3)
    torch.testing.assert_close(
        network.restore_crops(crops, description, asked, positions),
        network.restore_crops(
            crops, description, dataclasses.replace(asked, shared=False), positions
        ),
        rtol=1e-3,
        atol=1e-4,
    )
