"""Importing the model leaves the process of whoever imports it as it was."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from model.pictures import decode
from tools.picture_files import file_of

IMPORTING = """
import pkgutil, warnings
import cv2, matplotlib, torch
from PIL import Image

def settings():
    return (Image.MAX_IMAGE_PIXELS, cv2.getNumThreads(), cv2.utils.logging.getLogLevel(),
            torch.get_num_threads(), matplotlib.rcParams._get_backend_or_none(),
            torch.backends.cudnn.benchmark, len(warnings.filters))

before = settings()
import model
names = [found.name for found in pkgutil.walk_packages(model.__path__, "model.")]
names = [name for name in names if not name.startswith("model.cli") and "templates" not in name]
for name in names:
    __import__(name)
assert len(names) > 60, names
assert settings() == before, (before, settings())
"""


def test_importing_every_module_changes_no_setting_of_the_process():
    result = subprocess.run(
        [sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_the_callers_limit_of_pixels_neither_changes_nor_counts(monkeypatch, kind):
    """Files are inspected against limits of our own; Pillow would refuse twice its limit."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    picture = decode(file_of(np.full((40, 50, 3), 90, np.uint8), kind))
    assert picture.rgb.shape == (40, 50, 3)
    assert Image.MAX_IMAGE_PIXELS == 100
