"""Where nothing is asked for, the picture stays exactly as it was."""

import pytest
import torch

from model.networks.asked import Asked
from model.networks.restoration import RestorationNetwork
from model.restoring.restorer import Restorer
from tests.model.conftest import make_description

EIGHT = torch.randint(0, 256, (3, 37, 50), dtype=torch.uint8)
SIXTEEN = torch.randint(0, 65536, (3, 37, 50), dtype=torch.int32).to(torch.uint16)


@pytest.fixture
def content(network: RestorationNetwork) -> Restorer:
    """A restorer whose estimator finds nothing wrong, though its network would change a lot."""
    network.estimator.classify.weight.zero_()
    network.estimator.classify.bias.fill_(-9)
    return Restorer(network)


@pytest.mark.parametrize("picture", [EIGHT, SIXTEEN], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("blend", ["image", "pixel"])
class TestNothingAsked:
    @pytest.mark.parametrize("wish", ["auto", "top", "none"])
    def test_a_picture_without_an_estimate_comes_back_as_it_was(
        self, content, wish, blend, picture
    ):
        assert torch.equal(content.restore(picture, adapters=wish, blend=blend), picture)
        changed = content.restore(picture, adapters={"noise": 1.0}, blend=blend)
        assert not torch.equal(changed, picture)

    @pytest.mark.parametrize("wish", [{}, {"noise": 0.0}, {"noise": 0, "blur": 0, "haze": 0.0}])
    def test_amounts_of_nothing_leave_the_picture_as_it_was(self, unsure, wish, blend, picture):
        assert torch.equal(unsure.restore(picture, adapters=wish, blend=blend), picture)

    @pytest.mark.parametrize("wish", ["auto", "top", "none", {"noise": 1.0, "haze": 0.5}])
    def test_a_picture_of_which_everything_is_kept_comes_back_as_it_was(
        self, unsure, wish, blend, picture
    ):
        options = {"adapters": wish, "blend": blend}
        assert not torch.equal(unsure.restore(picture, **options), picture)
        kept = unsure.restore(picture, keep=unsure.askable, **options)
        assert torch.equal(kept, picture)

    @pytest.mark.parametrize("wish", ["auto", "none", {"rain": 1.0}])
    def test_strength_zero_gives_the_picture_as_it_was(self, unsure, wish, blend, picture):
        answer = unsure.restore(picture, adapters=wish, blend=blend, strength=0.0)
        assert torch.equal(answer, picture)
        assert answer.data_ptr() != picture.data_ptr()


def test_a_row_of_which_nothing_is_asked_is_bit_equal_in_a_batch_of_others(network):
    """Values that are no levels of 8 bits, and beside rows that change."""
    crops = torch.rand(3, 3, 32, 40)
    amounts = torch.rand(3, 5)
    amounts[1] = 0
    box = torch.rand(3, 4).sort(dim=1).values
    answer = network.restore_crops(crops, make_description(network, 3), network.ask(amounts), box)
    assert torch.equal(answer[1], crops[1])
    assert not torch.equal(answer[0], crops[0])
    told_nothing = Asked(torch.zeros(3, 5))
    answer = network.restore_crops(crops, make_description(network, 3), told_nothing, box)
    assert torch.equal(answer, crops)


def test_places_where_the_weights_vanish_are_bit_equal(network, whole):
    crop = torch.rand(1, 3, 32, 48)
    field = torch.rand(1, 3, 16, 24)
    field[..., :12] = 0
    asked = network.ask(torch.rand(1, 3), spatial_weights=field)
    answer = network.restore_crops(crop, make_description(network), asked, whole)
    assert torch.equal(answer[..., :24], crop[..., :24])
    assert (answer[..., 24:] - crop[..., 24:]).abs().amin(dim=(0, 1, 2)).max() > 1e-4
