"""How good a restorer is, on pictures whose clean originals or degradations are known."""

from model.evaluation.making import (
    LATER,
    MILD,
    MIXTURES,
    SEVERITIES,
    degraded_by,
    over_each_other,
)
from model.evaluation.maps import (
    MapScore,
    Mix,
    MixedPicture,
    evaluate_maps,
    mixed_pictures,
    share_seen_right,
)
from model.evaluation.scores import (
    MODES,
    OTHER_MODES,
    Score,
    average,
    evaluate_pictures,
    evaluate_task,
    five_task_average,
    kind_of,
)

__all__ = [
    "LATER",
    "MILD",
    "MIXTURES",
    "MODES",
    "OTHER_MODES",
    "SEVERITIES",
    "MapScore",
    "Mix",
    "MixedPicture",
    "Score",
    "average",
    "degraded_by",
    "evaluate_maps",
    "evaluate_pictures",
    "evaluate_task",
    "five_task_average",
    "kind_of",
    "mixed_pictures",
    "over_each_other",
    "share_seen_right",
]
