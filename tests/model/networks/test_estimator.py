import pytest
import torch

from model.networks.estimator import Estimator, amounts_from
from model.networks.whole_picture_views import Views, sample_views
from tests.model.conftest import TINY


@pytest.fixture
def estimator() -> Estimator:
    torch.manual_seed(0)
    return Estimator(TINY, 4).eval()


@pytest.fixture
def views():
    return sample_views(torch.randint(0, 256, (3, 50, 70), dtype=torch.uint8))


def test_amounts_reach_exactly_nothing_and_everything_and_are_in_between_elsewhere():
    amounts = amounts_from(torch.tensor([[-30.0, -1.0, 0.1, 1.2, 30.0]]))
    assert amounts.dtype == torch.float32
    assert amounts[0, [0, 1]].tolist() == [0, 0]
    assert amounts[0, 2] == pytest.approx(0.5, abs=0.02)
    assert amounts[0, [3, 4]].tolist() == [1, 1]


def test_amounts_rise_with_their_logits():
    amounts = amounts_from(torch.linspace(-0.8, 1.0, 30))
    assert bool((amounts.diff() > 0).all())
    assert 0 < amounts.min() < amounts.max() < 1


def test_each_amount_is_its_own():
    """Several degradations can be there in full, and a clean picture has none."""
    assert amounts_from(torch.tensor([[9.0, 9.0, 9.0]])).tolist() == [[1, 1, 1]]
    assert amounts_from(torch.tensor([[-9.0, -9.0, -9.0]])).tolist() == [[0, 0, 0]]
    one, other = (amounts_from(torch.tensor([0.3, logit, -0.4])) for logit in (-1.0, 5.0))
    assert torch.equal(one[[0, 2]], other[[0, 2]])
    assert one[1] != other[1]


def test_logits_of_half_precision_make_the_same_amounts():
    logits = torch.linspace(-3, 3, 12).bfloat16()
    assert torch.equal(amounts_from(logits), amounts_from(logits.float()))


@torch.no_grad()
def test_a_grown_estimator_keeps_its_amounts_and_gives_nothing_of_what_is_new(estimator, views):
    before, after = estimator(views), estimator.grown(2)(views)
    assert after.shape == (1, 6)
    assert torch.equal(after[:, :4], before)
    assert amounts_from(after)[:, 4:].tolist() == [[0, 0]]


@torch.no_grad()
def test_an_estimator_without_an_adapter_keeps_the_other_amounts(estimator, views):
    before, after = estimator(views), estimator.without(1)(views)
    assert torch.equal(amounts_from(after), amounts_from(before[:, [0, 2, 3]]))


@torch.no_grad()
def test_an_estimator_of_some_adapters_gives_their_amounts_in_the_order_asked_for(estimator, views):
    before, after = estimator(views), estimator.of([3, 0])(views)
    assert torch.equal(amounts_from(after), amounts_from(before[:, [3, 0]]))


def test_growing_and_forgetting_leave_the_original_as_it_was(estimator):
    before = {key: tensor.clone() for key, tensor in estimator.state_dict().items()}
    for other in (estimator.grown(1), estimator.without(0), estimator.of([1, 2])):
        torch.nn.init.zeros_(other.encode.mix.weight)
        torch.nn.init.zeros_(other.classify.weight)
    for key, tensor in estimator.state_dict().items():
        assert torch.equal(tensor, before[key])


@torch.no_grad()
def test_amounts_of_a_batch_are_those_of_its_pictures(estimator):
    views = [sample_views(torch.rand(3, 60, 80)), sample_views(torch.rand(3, 20, 200) / 9)]
    together = amounts_from(estimator(Views.stack(views)))
    for row, view in enumerate(views):
        torch.testing.assert_close(together[row], amounts_from(estimator(view))[0])
    assert not torch.allclose(together[0], together[1], atol=1e-4)


def test_there_is_an_estimator_of_no_adapter(estimator, views):
    """That of a baseline alone; making it warns of nothing, which the tests would refuse."""
    for empty in (Estimator(TINY, 0), estimator.of([]), Estimator(TINY, 1).without(0)):
        assert amounts_from(empty(views)).shape == (1, 0)
        assert empty.grown(2)(views).shape == (1, 2)
