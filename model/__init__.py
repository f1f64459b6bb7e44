"""ABAIR: adaptive blind all-in-one image restoration (arXiv 2411.18412).

Names are imported when they are first used, so that a command's ``--help`` needn't wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.about import AdapterInfo, ModelInfo
    from model.checkpoint import load
    from model.config import CLASSES, Degradation, RestorerConfig
    from model.crops import kept, read_crop, to_levels
    from model.description import Description
    from model.estimator import top_one
    from model.fields import join_cells, sum_by_cell
    from model.precision import arithmetic, choose_device, choose_precision
    from model.restorer import Restorer
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
    "arithmetic",
    "as_float",
    "choose_device",
    "choose_precision",
    "join_cells",
    "kept",
    "load",
    "plan_tiles",
    "read_crop",
    "sample_views",
    "sum_by_cell",
    "to_levels",
    "top_one",
]

_HOME = {
    "load": "model.checkpoint",
    "CLASSES": "model.config",
    "Degradation": "model.config",
    "RestorerConfig": "model.config",
    "AdapterInfo": "model.about",
    "Description": "model.description",
    "ModelInfo": "model.about",
    "Restorer": "model.restorer",
    "kept": "model.crops",
    "read_crop": "model.crops",
    "to_levels": "model.crops",
    "join_cells": "model.fields",
    "sum_by_cell": "model.fields",
    "arithmetic": "model.precision",
    "choose_device": "model.precision",
    "choose_precision": "model.precision",
    "top_one": "model.estimator",
    "Box": "model.tiling",
    "Tile": "model.tiling",
    "plan_tiles": "model.tiling",
    "Views": "model.views",
    "as_float": "model.views",
    "sample_views": "model.views",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever is exported
    if name not in _HOME:
        raise AttributeError(f"module 'model' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
