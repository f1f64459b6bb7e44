"""What is told about a model and its adapters."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AdapterInfo:
    """What is told about a resident adapter.

    Attributes:
        name: How requests name it.
        title: For people.
        degradation: The kind of damage it removes.
        rank: Rank of its update.
        scaling: Factor of its update, alpha / rank.
        parameters: Count of its weights.
        bytes: Size of its weights file; 0 when it was never saved.
        sha256: Digest of its weights file; empty when it was never saved.
        gain_db: Measured gain over the input on its own task, dB; None when not measured.
        licence: Terms of its weights.
    """

    name: str
    title: str
    degradation: str
    rank: int
    scaling: float = 1.0
    parameters: int = 0
    bytes: int = 0
    sha256: str = ""
    gain_db: float | None = None
    licence: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What is told about the baseline: name, digest of its weights file, sizes, terms."""

    name: str = "untrained"
    sha256: str = ""
    parameters: int = 0
    licence: str = ""
