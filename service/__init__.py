"""The HTTP service. Engines run the networks; ``model.pictures`` reads and writes files."""

__version__ = "0.1.0"
