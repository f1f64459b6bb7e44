import pytest
import torch

from model.estimator import Estimator
from model.views import sample_views
from tests.model.conftest import TINY


@pytest.fixture
def estimator() -> Estimator:
    torch.manual_seed(0)
    return Estimator(TINY, 3).eval()


@pytest.fixture
def views():
    return sample_views(torch.randint(0, 256, (3, 50, 70), dtype=torch.uint8))


@torch.no_grad()
def test_a_grown_estimator_keeps_its_opinions_and_has_none_of_what_is_new(estimator, views):
    before, after = estimator(views), estimator.grown(2)(views)
    assert after.shape == (1, 6)
    torch.testing.assert_close(after[:, :4], before)
    assert not after[:, 4:].any()


@torch.no_grad()
def test_an_estimator_without_an_adapter_keeps_the_other_opinions(estimator, views):
    before, after = estimator(views), estimator.without(1)(views)
    torch.testing.assert_close(after, before[:, [0, 1, 3]])


def test_growing_and_forgetting_leave_the_original_as_it_was(estimator):
    before = {key: tensor.clone() for key, tensor in estimator.state_dict().items()}
    for other in (estimator.grown(1), estimator.without(0)):
        torch.nn.init.zeros_(other.encode.mix.weight)
    for key, tensor in estimator.state_dict().items():
        assert torch.equal(tensor, before[key])
