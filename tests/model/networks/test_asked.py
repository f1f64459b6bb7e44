import torch

from model.networks.asked import Asked


def gates_of(*amounts: float) -> torch.Tensor:
    return Asked(torch.tensor(amounts)[:, None]).gate[:, 0, 0, 0]


def test_the_gate_rises_in_proportion_and_is_open_from_a_quarter_on():
    gates = gates_of(0.0, 0.025, 0.05, 0.125, 0.2, 0.25, 0.6, 1.0)
    torch.testing.assert_close(gates, torch.tensor([0, 0.1, 0.2, 0.5, 0.8, 1, 1, 1]))
    assert gates[0] == 0
    every = gates_of(*torch.linspace(0, 1, 200).tolist())
    assert bool((every.diff() >= 0).all())


def test_the_gate_follows_the_largest_amount_of_each_picture():
    told = torch.tensor([[0.1, 0.2], [0.0, 0.0], [0.0, 0.0]])
    weights = torch.tensor([[0.05], [0.15], [0.0]])
    gate = Asked(told, weights).gate
    assert gate.shape == (3, 1, 1, 1)
    torch.testing.assert_close(gate.flatten(), torch.tensor([0.8, 0.6, 0.0]))
    assert torch.equal(Asked(told, weights[:, :0]).gate, Asked(told).gate)


def test_weights_that_vary_open_the_gate_where_they_are():
    field = torch.tensor([[0.0, 0.05, 0.5], [0.0, 0.0, 0.1]])[None, :, None]  # (1, 2, 1, 3)
    gate = Asked(torch.ones(1, 2), torch.ones(1, 2), field).gate
    torch.testing.assert_close(gate, torch.tensor([[[[0.0, 0.2, 1.0]]]]))


def test_what_the_baseline_removes_alone_opens_the_gate_where_no_adapter_acts():
    told, weights, alone = torch.ones(2, 2), torch.ones(2, 1), torch.tensor([0.1, 0.0])
    field = torch.tensor([[[[0.0, 1.0]]], [[[0.0, 0.2]]]])  # (2, 1, 1, 2)
    gate = Asked(told, weights, field, alone).gate
    torch.testing.assert_close(gate[:, 0, 0], torch.tensor([[0.4, 1.0], [0.0, 0.8]]))


def test_a_field_of_one_picture_does_not_close_the_gate_of_one_without_adapters():
    told, weights = torch.ones(2, 1), torch.tensor([[1.0], [0.0]])
    field = torch.tensor([[[[0.0, 1.0]]], [[[0.0, 0.0]]]])  # (2, 1, 1, 2)
    gate = Asked(told, weights, field).gate
    assert gate[:, 0, 0].tolist() == [[0, 1], [1, 1]]
