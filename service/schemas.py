"""Options that requests carry and reports that answers carry."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)

from model.pictures import Metadata
from service.errors import FieldProblem, InvalidOptionsError

AdapterMode = Literal["auto", "top", "none"]
Format = Literal["auto", "png", "jpeg", "webp", "avif"]


def _parse_adapters(value: object) -> object:
    """Parse ``auto``, ``top``, ``none``, or ``rain:0.8,noise:0.2``."""
    if not isinstance(value, str) or value in ("auto", "top", "none"):
        return value
    weights: dict[str, float] = {}
    for part in value.split(","):
        name, colon, weight = (piece.strip() for piece in part.partition(":"))
        if not (name and colon):
            raise ValueError(f"write auto, top, none, or name:weight,name:weight; got {part!r}")
        if name in weights:
            raise ValueError(f"{name!r} is given twice")
        try:
            weights[name] = float(weight)
        except ValueError:
            raise ValueError(f"the weight of {name!r} must be a number, got {weight!r}") from None
        if not 0.0 <= weights[name] <= 1.0:
            raise ValueError(f"the weight of {name!r} must be in [0, 1], got {weight}")
    return weights


AdapterChoice = Annotated[
    AdapterMode | dict[str, float],
    BeforeValidator(_parse_adapters),
    WithJsonSchema({"type": "string", "examples": ["auto", "top", "none", "rain:0.8,noise:0.2"]}),
]


class RestoreOptions(BaseModel):
    """Options of ``POST /restore``."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    adapters: AdapterChoice = Field(
        "auto",
        description="auto: a blend of all adapters, chosen by the estimator; top: only the most "
        "likely adapter; none: no adapter; or weights in [0, 1] as name:weight,name:weight.",
    )
    strength: float = Field(
        1.0, ge=0, le=1, allow_inf_nan=False, description="0: the input; 1: fully restored."
    )
    format: Format = Field(
        "auto",
        description="Format of the answer. auto: what Accept names, else the input's format.",
    )
    quality: int = Field(
        92, ge=1, le=100, description="Quality of jpeg, webp and avif. 100 writes lossless webp."
    )
    metadata: Metadata = Field(
        "keep",
        description="keep: EXIF, XMP and ICC profile; no-gps: all but the location; strip: none of "
        "them, and the picture is converted to sRGB.",
    )
    blend: Literal["image", "pixel"] = Field(
        "image",
        description="image: the same adapter weights everywhere; pixel: weights that follow the "
        "degradation map, which takes two to three times as long. A weight given by name is then "
        "reached where its degradation is seen most.",
    )
    include: Literal["none", "map"] = Field(
        "none", description="map: a JSON answer also contains the degradation map."
    )


class MapOptions(BaseModel):
    """Options of ``POST /degradation-map``."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    view: Literal["auto", "labels", "overlay", "heat"] = Field(
        "auto",
        description="labels: one colour per class; overlay: these colours over the input; heat: "
        "probability of one class. auto: what Accept names, else JSON.",
    )
    class_name: str | None = Field(
        None, alias="class", description="The class that view=heat shows."
    )


Options = TypeVar("Options", RestoreOptions, MapOptions)


def parse_options(model: type[Options], given: Mapping[str, str]) -> Options:
    """Check options given as text.

    Raises:
        InvalidOptionsError: If one is unknown or its value cannot be used; names them all.
    """
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        known = ", ".join(field.alias or name for name, field in model.model_fields.items())
        problems = [
            FieldProblem(option=str(entry["loc"][0]), detail=_words(entry["type"], entry["msg"]))
            for entry in error.errors(include_url=False, include_input=False)
        ]
        names = ", ".join(dict.fromkeys(problem.option for problem in problems))
        raise InvalidOptionsError(
            f"cannot use the options: {names}", hint=f"Options are: {known}.", errors=problems
        ) from None


def _words(kind: str, message: str) -> str:
    return "unknown option" if kind == "extra_forbidden" else message.removeprefix("Value error, ")


def weights_header(weights: Mapping[str, float]) -> str:
    """Write weights as ``rain=0.71, noise=0.18``, largest first, what rounds to 0 left out."""
    shown = sorted(weights.items(), key=lambda entry: -entry[1])
    return ", ".join(f"{name}={value:.2f}" for name, value in shown if value >= 0.005) or "none"


class ClassReport(BaseModel):
    """One class of the degradation map."""

    name: str
    colour: str = Field(description="In the label image, #RRGGBB, safe for colour-blind eyes.")
    share: float = Field(description="Share of the pixels where it is the most probable class.")
    mean_probability: float = Field(description="Mean over all pixels.")


class MapReport(BaseModel):
    """Which degradation is at each pixel."""

    width: int
    height: int
    model: str
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
    degradations: dict[str, float] = Field(description="Shares the estimator gave, in [0, 1].")
    adapters: dict[str, float] = Field(description="Weights the adapters were applied with.")
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
    notice: str | None = Field(None, description="Says so when the model runs on the CPU.")
