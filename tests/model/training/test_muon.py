import torch

from model.training.muon import Muon, orthogonalise


def test_singular_values_come_near_one_for_wide_and_tall_matrices():
    torch.manual_seed(0)
    for shape in [(2, 8, 30), (2, 30, 8)]:
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
        assert values.min() > 0.5
        assert values.max() < 1.4


def test_orthogonalising_is_five_steps_of_the_published_iteration():
    torch.manual_seed(0)
    given = torch.randn(2, 8, 30)
    expected = given.double() / given.double().norm(dim=(1, 2), keepdim=True)
    for _ in range(5):
        gram = expected @ expected.mT
        expected = 3.4445 * expected + (-4.7750 * gram + 2.0315 * gram @ gram) @ expected
    assert torch.allclose(orthogonalise(given).double(), expected, atol=1e-4)


def test_kernels_learn_and_those_without_gradient_stay():
    torch.manual_seed(0)
    kernel = torch.nn.Parameter(torch.randn(6, 4, 3, 3))
    idle = torch.nn.Parameter(torch.randn(6, 4, 3, 3))
    before = idle.detach().clone()
    optimiser = Muon([kernel, idle], lr=0.05)
    errors = []
    for _ in range(60):
        error = (kernel - 0.1).square().mean()
        error.backward()
        optimiser.step()
        optimiser.zero_grad()
        errors.append(error.item())
    assert errors[-1] < 0.3 * errors[0]
    assert torch.equal(idle, before)


def test_half_precision_orthogonalises_as_well():
    torch.manual_seed(0)
    given = torch.randn(2, 24, 90)
    half, full = orthogonalise(given, precision="bf16"), orthogonalise(given)
    assert half.dtype == torch.float32
    assert torch.allclose(half, full, atol=0.05)
    values = torch.linalg.svdvals(half)
    assert values.min() > 0.5
    assert values.max() < 1.4
