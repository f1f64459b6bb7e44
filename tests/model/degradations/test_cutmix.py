import numpy as np
import pytest

from model.degradations import cutmix
from model.degradations.cutmix import sample_rectangle

VALUES = {4: 0.25, 1: 0.5, 3: 0.75}


def make_flat(value, height=37, width=53):
    return np.full((height, width, 3), value, dtype=np.float32)


@pytest.mark.parametrize("labels", [(4, 1), (4, 1, 3)])
def test_labels_say_where_each_pixel_comes_from(labels):
    pictures = [make_flat(VALUES[label]) for label in labels]
    for seed in range(30):
        mixed, classes = cutmix(pictures, labels, np.random.default_rng(seed))
        assert classes.dtype == np.uint8
        assert classes.shape == (37, 53)
        for label in labels:
            assert np.all(mixed[classes == label] == np.float32(VALUES[label]))
        assert set(np.unique(classes)) <= set(labels)
        assert labels[-1] in classes


def test_the_inputs_stay_as_they_are():
    pictures = [make_flat(0.2), make_flat(0.8)]
    for picture in pictures:
        picture.flags.writeable = False
    mixed, _ = cutmix(pictures, (1, 2), np.random.default_rng(0))
    assert mixed.flags.writeable
    assert np.all(pictures[0] == np.float32(0.2))


def test_rectangles_cover_a_tenth_to_a_half():
    rng = np.random.default_rng(0)
    shares, spanning = [], 0
    for _ in range(500):
        rows, columns = sample_rectangle(200, 300, rng)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        assert rows.start >= 0
        assert columns.start >= 0
        assert rows.stop <= 200
        assert columns.stop <= 300
        shares.append(height * width / 60_000)
        spanning += height == 200 or width == 300
    assert min(shares) > 0.09
    assert max(shares) < 0.52
    assert 0.15 < spanning / 500 < 0.5


def test_one_pixel_takes_the_last_label():
    mixed, classes = cutmix(
        [make_flat(0.2, 1, 1), make_flat(0.6, 1, 1)], (0, 5), np.random.default_rng(0)
    )
    assert classes.tolist() == [[5]]
    assert np.all(mixed == np.float32(0.6))


def test_wrong_numbers_and_shapes_are_refused():
    rng = np.random.default_rng(0)
    one, other = make_flat(0.1), make_flat(0.1, 5, 5)
    with pytest.raises(ValueError, match="2 or 3 pictures"):
        cutmix([one], (1,), rng)
    with pytest.raises(ValueError, match="2 or 3 pictures"):
        cutmix([one, one], (1, 2, 3), rng)
    with pytest.raises(ValueError, match="share a shape"):
        cutmix([one, other], (1, 2), rng)
