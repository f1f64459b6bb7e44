"""How good a restorer is, on pictures whose clean originals or degradations are known."""

from model.evaluation.files import (
    Pair,
    find_pairs,
    pictures_in,
    read_picture,
)
from model.evaluation.maps import MapScore, Mix, evaluate_maps, mixed_pictures
from model.evaluation.scores import MODES, Score, evaluate_task, five_task_average

__all__ = [
    "MODES",
    "MapScore",
    "Mix",
    "Pair",
    "Score",
    "evaluate_maps",
    "evaluate_task",
    "find_pairs",
    "five_task_average",
    "mixed_pictures",
    "pictures_in",
    "read_picture",
]
