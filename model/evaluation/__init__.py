"""How good a restorer is, on pictures whose clean originals or degradations are known."""

from model.evaluation.files import (
    Pair,
    find_pairs,
    pictures_in,
    read_picture,
)
from model.evaluation.making import MILD_SIGMA, MIXTURES, mildly_noisy, over_each_other
from model.evaluation.maps import MapScore, Mix, evaluate_maps, mixed_pictures, share_seen_right
from model.evaluation.scores import (
    MODES,
    Score,
    average,
    evaluate_pictures,
    evaluate_task,
    five_task_average,
    kind_of,
)

__all__ = [
    "MILD_SIGMA",
    "MIXTURES",
    "MODES",
    "MapScore",
    "Mix",
    "Pair",
    "Score",
    "average",
    "evaluate_maps",
    "evaluate_pictures",
    "evaluate_task",
    "find_pairs",
    "five_task_average",
    "kind_of",
    "mildly_noisy",
    "mixed_pictures",
    "over_each_other",
    "pictures_in",
    "read_picture",
    "share_seen_right",
]
