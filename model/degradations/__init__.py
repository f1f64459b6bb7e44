"""Degradations: pure functions of (clean picture, severity, generator), and their severities."""

from model.degradations._picture import Picture
from model.degradations.cutmix import cutmix
from model.degradations.operators import DEGRADATIONS, degrade, in_order
from model.degradations.own import OwnDegradation
from model.degradations.severity import sample_severity

__all__ = [
    "DEGRADATIONS",
    "OwnDegradation",
    "Picture",
    "cutmix",
    "degrade",
    "in_order",
    "sample_severity",
]
