import io

import numpy as np
from PIL import Image

from model.pictures.palette import palette_png

COLOURS = [[0, 0, 0], [255, 0, 0], [0, 0, 255]]


def test_labels_are_written_as_indices_of_their_colours():
    labels = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    body = palette_png(labels, bytes(np.array(COLOURS, np.uint8).ravel()))
    with Image.open(io.BytesIO(body)) as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), labels)
        assert np.asarray(image.convert("RGB"))[0].tolist() == COLOURS
