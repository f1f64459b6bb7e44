"""ABAIR: adaptive blind all-in-one image restoration (arXiv 2411.18412)."""

from model.checkpoint import load
from model.config import CLASSES, Degradation, RestorerConfig
from model.restorer import (
    AdapterInfo,
    Description,
    ModelInfo,
    Restorer,
    read_crop,
    to_uint8,
    top_one,
)
from model.tiling import Box, Tile, plan_tiles
from model.views import Views, as_float, sample_views

__all__ = [
    "CLASSES",
    "AdapterInfo",
    "Box",
    "Degradation",
    "Description",
    "ModelInfo",
    "Restorer",
    "RestorerConfig",
    "Tile",
    "Views",
    "as_float",
    "load",
    "plan_tiles",
    "read_crop",
    "sample_views",
    "to_uint8",
    "top_one",
]
