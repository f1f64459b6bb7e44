import io

import numpy as np
from PIL import Image

from service.answers import degradation_map

CLASSES = ("clean", "noise", "rain", "snow", "fog")


def test_labels_are_a_palette_picture():
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4) % 5
    with Image.open(io.BytesIO(degradation_map.label_png(labels, CLASSES))) as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.array(image), labels)
        shown = np.array(image.convert("RGB"))
    np.testing.assert_array_equal(shown, degradation_map.palette(CLASSES)[labels])


def test_the_overlay_is_half_the_colour_and_half_the_picture():
    rgb = np.full((2, 2, 3), 100, np.uint8)
    labels = np.array([[0, 1], [1, 0]], np.uint8)
    shown = degradation_map.overlay(rgb, labels, CLASSES, clean=0)
    np.testing.assert_array_equal(shown[0, 0], [100, 100, 100])
    expected = (degradation_map.palette(CLASSES)[1].astype(float) + 100) / 2
    assert np.abs(shown[0, 1] - expected).max() <= 0.5


def test_heat_gets_lighter():
    shown = degradation_map.heat(np.linspace(0, 1, 10).reshape(1, 10).astype(np.float16))
    brightness = shown.astype(int).sum(axis=2)[0]
    assert (np.diff(brightness) > 0).all()
