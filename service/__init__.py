"""The HTTP service: knows the model only through its engine."""

__version__ = "0.1.0"
