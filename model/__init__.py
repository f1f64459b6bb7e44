"""ABAIR: adaptive blind all-in-one image restoration (arXiv 2411.18412).

Names are imported when they are first used, so that a command's ``--help`` needn't wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.about import AdapterInfo, ModelInfo
    from model.asking import Asked
    from model.checkpoint import load
    from model.config import CLASSES, Degradation, RestorerConfig
    from model.crops import kept, read_crop, to_levels
    from model.description import Description
    from model.fields import join_cells, sum_by_cell
    from model.precision import arithmetic, choose_device, choose_precision
    from model.restorer import Restorer
    from model.tiling import Box, Tile, plan_tiles
    from model.views import Views, as_float, sample_views
    from model.wishes import amounts_for, parse_names, parse_wish

__all__ = [
    "CLASSES",
    "AdapterInfo",
    "Asked",
    "Box",
    "Degradation",
    "Description",
    "ModelInfo",
    "Restorer",
    "RestorerConfig",
    "Tile",
    "Views",
    "amounts_for",
    "arithmetic",
    "as_float",
    "choose_device",
    "choose_precision",
    "join_cells",
    "kept",
    "load",
    "parse_names",
    "parse_wish",
    "plan_tiles",
    "read_crop",
    "sample_views",
    "sum_by_cell",
    "to_levels",
]

_HOME = {
    "load": "model.checkpoint",
    "Asked": "model.asking",
    "amounts_for": "model.wishes",
    "parse_names": "model.wishes",
    "parse_wish": "model.wishes",
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
