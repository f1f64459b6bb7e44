from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from model.networks.whole_picture_views import GRID, PATCH, THUMBNAIL, Views, sample_views


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (33, 47), (48, 48), (321, 481)])
def test_views_have_one_shape_whatever_the_pictures_size(size):
    views = sample_views(torch.rand(3, *size))
    assert views.thumbnail.shape == (1, 3, THUMBNAIL, THUMBNAIL)
    assert views.patches.shape == (1, GRID**2, 3, PATCH, PATCH)


def test_patches_are_native_pixels_from_corner_to_corner():
    picture = torch.rand(3, 200, 301)
    patches = sample_views(picture).patches[0]
    assert torch.equal(patches[0], picture[:, :PATCH, :PATCH])
    assert torch.equal(patches[-1], picture[:, -PATCH:, -PATCH:])


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (95, 97), (96, 96), (130, 20), (1100, 1003)])
def test_the_thumbnail_is_the_mean_of_what_each_pixel_covers(size):
    picture = torch.randint(0, 256, (3, *size), dtype=torch.uint8)
    expected = F.adaptive_avg_pool2d(picture.float() / 255, THUMBNAIL)
    torch.testing.assert_close(sample_views(picture).thumbnail[0], expected)


def test_depths_of_8_and_16_bits_and_floats_see_the_same():
    levels = torch.randint(0, 256, (3, 60, 60), dtype=torch.uint8)
    eight = sample_views(levels)
    sixteen = sample_views((levels.to(torch.int32) * 257).to(torch.uint16))
    floats = sample_views(levels.float() / 255)
    for other in (sixteen, floats):
        torch.testing.assert_close(other.thumbnail, eight.thumbnail)
        torch.testing.assert_close(other.patches, eight.patches)


def test_stacking_joins_pictures_of_different_sizes():
    batch = Views.stack([sample_views(torch.rand(3, 50, 60)), sample_views(torch.rand(3, 9, 300))])
    assert len(batch.thumbnail) == len(batch.patches) == 2


@pytest.mark.parametrize("shape", [(50, 50), (1, 50, 50), (3, 0, 50)])
def test_what_is_no_rgb_picture_is_refused(shape):
    with pytest.raises(ValueError, match=r"shape \(3, H, W\)"):
        sample_views(torch.rand(*shape))


def test_views_are_made_without_torchs_kernels_and_their_threads():
    class Kernels(TorchDispatchMode):
        called: ClassVar[list[str]] = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.called.append(str(func))
            return func(*args, **(kwargs or {}))

    picture = torch.randint(0, 256, (3, 600, 700), dtype=torch.uint8)
    with Kernels():
        sample_views(picture)
    views_alone = {"aten.detach.default", "aten.lift_fresh.default", "aten.unsqueeze.default"}
    assert set(Kernels.called) <= views_alone
