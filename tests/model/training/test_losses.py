import math

import torch

from model.training.batch import IGNORE
from model.training.losses import amount_loss, log_mse, segmentation_loss


def test_log_mse_is_the_mean_over_pictures_of_the_log_error():
    clean = torch.zeros(2, 3, 4, 4)
    restored = clean.clone()
    restored[0] += 0.1
    restored[1] += 0.01
    expected = (math.log(1e-2) + math.log(1e-4)) / 2
    assert abs(log_mse(restored, clean, floor=0.0).item() - expected) < 1e-4


def test_equal_relative_errors_pull_equally_whatever_the_error_is():
    clean = torch.zeros(1, 3, 4, 4)
    pulls = []
    for error in (0.2, 0.05):
        restored = torch.full_like(clean, error, requires_grad=True)
        log_mse(restored, clean, floor=0.0).backward()
        assert restored.grad is not None
        pulls.append((restored.grad.sum() * error).item())
    assert abs(pulls[0] - pulls[1]) < 1e-4


def test_ignored_pixels_do_not_count():
    logits = torch.zeros(1, 6, 2, 2)
    logits[0, 3, 0, 0] = 50.0
    labels = torch.full((1, 2, 2), IGNORE, dtype=torch.uint8)
    labels[0, 0, 0] = 3
    assert segmentation_loss(logits, labels).item() < 1e-6


def test_the_amount_loss_is_least_at_the_amounts_each_on_its_own():
    amounts = torch.tensor([[0.25, 0.75, 0.75]])
    right = amounts.logit()
    at = amount_loss(right, amounts).item()
    for column in range(3):
        for step in (-0.3, 0.3):
            off = right.clone()
            off[:, column] += step
            assert at < amount_loss(off, amounts).item()


def test_the_amount_loss_vanishes_where_nothing_and_everything_are_told_apart():
    amounts = torch.tensor([[0.0, 1.0, 1.0]])
    assert amount_loss(torch.tensor([[-30.0, 30.0, 30.0]]), amounts).item() < 1e-6
    assert amount_loss(torch.tensor([[30.0, 30.0, 30.0]]).bfloat16(), amounts).item() > 5
