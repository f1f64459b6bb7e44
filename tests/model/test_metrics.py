import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from model.metrics import class_iou, confusion, mean_iou, psnr, ssim


def pair(seed: int, height: int, width: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture and a noisy copy, uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / k + c) * np.cos(columns / k) for c, k in enumerate((5, 9, 17))]
    clean = (np.stack(waves, axis=2) + 1) * 127
    restored = clean + rng.normal(0, noise, clean.shape)
    return restored.clip(0, 255).astype(np.uint8), clean.astype(np.uint8)


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def skimage_ssim(restored: np.ndarray, clean: np.ndarray) -> float:
    value = structural_similarity(
        restored,
        clean,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    return float(value)


SHAPES = [(64, 64), (11, 37), (12, 11), (123, 45)]


@pytest.mark.parametrize(("error", "decibels"), [(0.1, 20.0), (0.01, 40.0), (1.0, 0.0)])
def test_a_constant_error_has_a_closed_form_psnr(error, decibels):
    clean = torch.zeros(2, 3, 8, 5)
    torch.testing.assert_close(psnr(clean + error, clean), torch.full((2,), decibels))


def test_psnr_is_of_each_picture_and_not_of_the_batch():
    clean = torch.zeros(2, 3, 4, 4)
    restored = torch.stack([torch.full((3, 4, 4), 0.1), torch.full((3, 4, 4), 0.01)])
    torch.testing.assert_close(psnr(restored, clean), torch.tensor([20.0, 40.0]))


def test_equal_pictures_have_infinite_psnr_unless_capped():
    clean = torch.rand(1, 3, 4, 4)
    assert psnr(clean, clean).isinf().all()
    assert psnr(clean, clean, cap=60).tolist() == [60.0]


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_psnr_is_the_one_of_scikit_image(height, width):
    restored, clean = pair(0, height, width, 12)
    oracle = peak_signal_noise_ratio(clean, restored, data_range=255)
    assert psnr(tensor(restored), tensor(clean)).item() == pytest.approx(oracle, abs=1e-3)


@pytest.mark.parametrize("noise", [2, 25])
@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_ssim_is_the_one_of_scikit_image(height, width, noise):
    restored, clean = pair(1, height, width, noise)
    oracle = skimage_ssim(restored, clean)
    assert ssim(tensor(restored), tensor(clean)).item() == pytest.approx(oracle, abs=1e-5)


def test_ssim_is_of_each_picture_and_not_of_the_batch():
    pairs = [pair(seed, 32, 24, noise) for seed, noise in ((2, 3), (3, 30))]
    restored = torch.cat([tensor(a) for a, _ in pairs])
    clean = torch.cat([tensor(b) for _, b in pairs])
    alone = torch.cat([ssim(tensor(a), tensor(b)) for a, b in pairs])
    torch.testing.assert_close(ssim(restored, clean), alone)


def test_equal_pictures_have_ssim_one_and_a_flat_shift_has_a_closed_form():
    flat = torch.full((1, 3, 16, 16), 0.5)
    assert ssim(flat, flat).item() == pytest.approx(1.0)
    expected = (2 * 0.5 * 0.7 + 1e-4) / (0.5**2 + 0.7**2 + 1e-4)
    assert ssim(flat + 0.2, flat).item() == pytest.approx(expected, abs=1e-6)


def test_ssim_can_train_a_network():
    restored = torch.rand(1, 3, 16, 16, requires_grad=True)
    ssim(restored, torch.rand(1, 3, 16, 16)).sum().backward()
    assert restored.grad is not None
    assert restored.grad.isfinite().all()


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_shapes_that_differ_are_refused_by_name(metric):
    with pytest.raises(ValueError, match=r"\(1, 3, 16, 16\) and \(1, 3, 16, 15\)"):
        metric(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 15))
    with pytest.raises(ValueError, match=r"\(B, C, H, W\)"):
        metric(torch.zeros(3, 16, 16), torch.zeros(3, 16, 16))


def test_ssim_refuses_a_picture_smaller_than_its_window():
    with pytest.raises(ValueError, match="at least 11x11"):
        ssim(torch.zeros(1, 3, 10, 30), torch.zeros(1, 3, 10, 30))


def test_confusion_counts_rows_by_truth():
    truth = torch.tensor([[0, 0, 1], [1, 1, 2]])
    labels = torch.tensor([[0, 1, 1], [1, 1, 0]])
    expected = torch.tensor([[1, 1, 0], [0, 3, 0], [1, 0, 0]])
    assert torch.equal(confusion(labels, truth, 3), expected)


def test_iou_has_closed_form_values():
    matrix = torch.tensor([[1, 1, 0], [0, 3, 0], [1, 0, 0]])
    torch.testing.assert_close(class_iou(matrix), torch.tensor([1 / 3, 3 / 4, 0.0]).double())
    assert mean_iou(matrix) == pytest.approx((1 / 3 + 3 / 4) / 3)


def test_classes_that_do_not_occur_are_left_out_of_the_mean_but_their_pixels_are_misses():
    truth = torch.tensor([0, 0, 5, 5])
    assert mean_iou(confusion(truth, truth, 6)) == pytest.approx(1.0)
    labels = torch.tensor([0, 3, 5, 5])
    assert mean_iou(confusion(labels, truth, 6)) == pytest.approx((1 / 2 + 1) / 2)
    assert math.isnan(mean_iou(torch.zeros(6, 6, dtype=torch.long)))


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_out_of_range_are_refused(label):
    truth = torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"in \[0, 3\)"):
        confusion(torch.tensor([0, label]), truth, 3)
    with pytest.raises(ValueError, match=r"in \[0, 3\)"):
        confusion(truth, torch.tensor([0, label]), 3)
    with pytest.raises(ValueError, match="shapes must agree"):
        confusion(truth, torch.tensor([0]), 3)
