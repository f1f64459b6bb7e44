"""Degradations: pure functions of (clean picture, severity, generator), and their severities."""

from model.degradations._picture import Picture, apply_curve, to_bytes
from model.degradations.cutmix import cutmix
from model.degradations.operators import DEGRADATIONS, degrade, in_order
from model.degradations.own import OwnDegradation
from model.degradations.severity import sample_severity

__all__ = [
    "DEGRADATIONS",
    "OwnDegradation",
    "Picture",
    "apply_curve",
    "cutmix",
    "degrade",
    "in_order",
    "sample_severity",
    "to_bytes",
]
