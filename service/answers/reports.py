"""Reports: the JSON bodies of answers."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field


def weights_header(weights: Mapping[str, float]) -> str:
    """Write weights as ``rain=0.71, noise=0.18``, largest first, what rounds to 0 left out."""
    shown = sorted(weights.items(), key=lambda entry: -entry[1])
    return ", ".join(f"{name}={value:.2f}" for name, value in shown if value >= 0.005) or "none"


class ClassReport(BaseModel):
    """One class of the degradation map."""

    name: str
    colour: str = Field(description="In the label image, #RRGGBB, safe for colour-blind eyes.")
    share: float = Field(
        description="Share of the picture's area where it is the most probable class. It says "
        "where a degradation is, not how strong it is; see degradations of the report."
    )
    mean_probability: float = Field(description="Mean over all pixels.")


class MapReport(BaseModel):
    """Which degradation is at each pixel."""

    width: int
    height: int
    model: str
    degradations: dict[str, float] = Field(
        description="Amounts of the degradations that were found, each in [0, 1]; the same as in "
        "the report of /restore."
    )
    classes: list[ClassReport] = Field(description="In the order of the label image's values.")
    labels: str = Field(description="Palette PNG of the input's size, base64.")
    seconds: dict[str, float] = Field(description="Time spent in each stage.")
    notices: list[str]


class RestoreReport(BaseModel):
    """What was seen and done, and the restored picture."""

    width: int
    height: int
    media_type: str
    model: str
    degradations: dict[str, float] = Field(
        description="Amounts of the degradations that were found, each in [0, 1]."
    )
    removed: dict[str, float] = Field(
        description="Amounts that were removed, each in [0, 1], as the option adapters takes them. "
        "strength then mixes the result with the input."
    )
    adapters: dict[str, float] = Field(
        description="Weights with which the adapters were used: the amounts in removed; with "
        "blend=pixel their means over the picture; with adapters=none nothing."
    )
    strength: float
    seconds: dict[str, float] = Field(description="Time spent in each stage.")
    notices: list[str]
    image: str = Field(description="The restored picture, base64.")
    map: MapReport | None = None


class ModelReport(BaseModel):
    """The base model."""

    name: str
    sha256: str
    parameters: int
    licence: str


class AdapterReport(BaseModel):
    """One resident adapter."""

    name: str
    title: str
    degradation: str
    rank: int
    parameters: int
    bytes: int
    sha256: str
    gain_db: float | None = Field(description="Measured on its own degradation; null: not yet.")
    licence: str
    smoke: bool = Field(description="Whether a smoke run made it: it is only for trying the steps.")
    enabled: bool = True


class AdaptersReport(BaseModel):
    """The base model and every resident adapter."""

    model: ModelReport
    adapters: list[AdapterReport]


class HealthReport(BaseModel):
    """Whether the service lives."""

    status: Literal["ok"]
    heartbeat_age_seconds: float | None = Field(description="Of the batcher; null while loading.")


class ReadyReport(BaseModel):
    """Whether the service takes pictures, and where it runs."""

    status: Literal["ready"]
    model: str
    device: str
    device_name: str
    precision: str
    seconds_per_megapixel: float | None = Field(
        description="Time that the device takes per megapixel, measured over the last batches; "
        "null before the first one."
    )
    notice: str | None = Field(None, description="Says so when the model runs on the CPU.")
