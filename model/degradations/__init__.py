"""Degradations: pure functions of (clean picture, severity, generator), and their severities."""

from model.degradations._picture import Picture
from model.degradations.cutmix import cutmix
from model.degradations.operators import DEGRADATIONS, degrade
from model.degradations.own import OwnDegradation
from model.degradations.severity import sample_severity

__all__ = ["DEGRADATIONS", "OwnDegradation", "Picture", "cutmix", "degrade", "sample_severity"]
