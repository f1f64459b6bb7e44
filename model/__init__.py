"""ABAIR: adaptive blind all-in-one image restoration (arXiv 2411.18412).

Names are imported when they are first used, so that a command's ``--help`` needn't wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.config import CLASSES, Degradation, RestorerConfig
    from model.model_info import AdapterInfo, ModelInfo
    from model.networks.asked import Asked
    from model.networks.description import Description
    from model.networks.restoration import RestorationNetwork
    from model.networks.whole_picture_views import Views, as_float, sample_views
    from model.precision import arithmetic, choose_device, choose_precision
    from model.restoring.crops import kept, read_crop, to_levels
    from model.restoring.restorer import Restorer, load
    from model.restoring.spatial_weights import join_cells, sum_by_cell, weights_by_cell
    from model.restoring.tiling import Box, Tile, plan_tiles
    from model.restoring.wishes import amounts_for, parse_names, parse_wish
    from model.storage.checkpoint import load_network

__all__ = [
    "CLASSES",
    "AdapterInfo",
    "Asked",
    "Box",
    "Degradation",
    "Description",
    "ModelInfo",
    "RestorationNetwork",
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
    "load_network",
    "parse_names",
    "parse_wish",
    "plan_tiles",
    "read_crop",
    "sample_views",
    "sum_by_cell",
    "to_levels",
    "weights_by_cell",
]

_HOME = {
    "load": "model.restoring.restorer",
    "load_network": "model.storage.checkpoint",
    "RestorationNetwork": "model.networks.restoration",
    "Asked": "model.networks.asked",
    "amounts_for": "model.restoring.wishes",
    "parse_names": "model.restoring.wishes",
    "parse_wish": "model.restoring.wishes",
    "CLASSES": "model.config",
    "Degradation": "model.config",
    "RestorerConfig": "model.config",
    "AdapterInfo": "model.model_info",
    "Description": "model.networks.description",
    "ModelInfo": "model.model_info",
    "Restorer": "model.restoring.restorer",
    "kept": "model.restoring.crops",
    "read_crop": "model.restoring.crops",
    "to_levels": "model.restoring.crops",
    "join_cells": "model.restoring.spatial_weights",
    "weights_by_cell": "model.restoring.spatial_weights",
    "sum_by_cell": "model.restoring.spatial_weights",
    "arithmetic": "model.precision",
    "choose_device": "model.precision",
    "choose_precision": "model.precision",
    "Box": "model.restoring.tiling",
    "Tile": "model.restoring.tiling",
    "plan_tiles": "model.restoring.tiling",
    "Views": "model.networks.whole_picture_views",
    "as_float": "model.networks.whole_picture_views",
    "sample_views": "model.networks.whole_picture_views",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever is exported
    if name not in _HOME:
        raise AttributeError(f"module 'model' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
