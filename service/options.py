"""Options of requests."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)

from model.pictures import Metadata
from model.restoring.wishes import parse_names, parse_wish
from service.errors import FieldProblem, InvalidOptionsError

AdapterMode = Literal["auto", "top", "none"]
FORMAT_ALIASES = {"jpg": "jpeg", "jpe": "jpeg", "jfif": "jpeg", "pjpeg": "jpeg"}
"""Words that callers write for formats, and our words."""


def _lower(value: object) -> object:
    """Read a word in any case."""
    return value.strip().lower() if isinstance(value, str) else value


def _parse_format(value: object) -> object:
    """Read a format as callers write it: ``JPG``, ``.jpg``, ``image/jpeg``."""
    if not isinstance(value, str):
        return value
    word = value.strip().lower().removeprefix("image/").removeprefix(".")
    return FORMAT_ALIASES.get(word, word)


def _parse_adapters(value: object) -> object:
    if isinstance(value, str) and _lower(value) in get_args(AdapterMode):
        return _lower(value)
    return parse_wish(value) if isinstance(value, str) else value


def _parse_keep(value: object) -> object:
    return parse_names(value) if isinstance(value, str) else value


AnyCase = BeforeValidator(_lower)
Format = Annotated[
    Literal["auto", "png", "jpeg", "webp", "avif", "jxl", "npy"], BeforeValidator(_parse_format)
]


AdapterChoice = Annotated[
    AdapterMode | dict[str, float],
    BeforeValidator(_parse_adapters),
    WithJsonSchema({"type": "string", "examples": ["auto", "top", "none", "rain:0.8,noise:0.2"]}),
]


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_parse_keep),
    WithJsonSchema({"type": "string", "examples": ["haze", "lowlight,haze"]}),
]


class RestoreOptions(BaseModel):
    """Options of ``POST /restore``."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    adapters: AdapterChoice = Field(
        "auto",
        description="What to remove. auto: everything found, each degradation by its estimated "
        "amount; top: only the one with the largest amount; name:amount,name:amount: exactly these "
        "amounts, in [0, 1]; none: what auto removes, by the base network without adapters.",
    )
    keep: Names = Field(
        (),
        description="Degradations that stay in the picture although they are found, as name,name.",
    )
    strength: float = Field(
        1.0, ge=0, le=1, allow_inf_nan=False, description="0: the input; 1: fully restored."
    )
    format: Format = Field(
        "auto",
        description="Format of the answer. auto: what Accept names, else the input's format. npy: "
        "an array of NumPy, (H, W, 3), of uint8 or uint16.",
    )
    quality: int = Field(
        92,
        ge=1,
        le=100,
        description="Quality of jpeg, webp, avif and jxl. 100 writes lossless webp and jxl.",
    )
    metadata: Annotated[Metadata, AnyCase] = Field(
        "keep",
        description="keep: EXIF, XMP and ICC profile; no-gps: all but the location; strip: none of "
        "them, and the picture is converted to sRGB.",
    )
    blend: Annotated[Literal["image", "pixel"], AnyCase] = Field(
        "image",
        description="image: the same adapter weights everywhere. pixel: the weights follow the "
        "degradation map, which takes two to three times as long; each adapter then gets its "
        "amount where its degradation is seen most.",
    )
    include: Annotated[Literal["none", "map"], AnyCase] = Field(
        "none", description="map: a JSON answer also contains the degradation map."
    )


class MapOptions(BaseModel):
    """Options of ``POST /degradation-map``."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    view: Annotated[Literal["auto", "labels", "overlay", "heat"], AnyCase] = Field(
        "auto",
        description="labels: one colour per class; overlay: these colours over the input; heat: "
        "probability of one class. auto: what Accept names, else JSON.",
    )
    class_name: str | None = Field(
        None, alias="class", description="The class that view=heat shows."
    )


OPTION_NAMES = frozenset(
    field.alias or name
    for model in (RestoreOptions, MapOptions)
    for name, field in model.model_fields.items()
)
"""Names of the options of all endpoints."""

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
            FieldProblem(option=str(entry["loc"][0]), detail=_message(entry["type"], entry["msg"]))
            for entry in error.errors(include_url=False, include_input=False)
        ]
        names = ", ".join(dict.fromkeys(problem.option for problem in problems))
        raise InvalidOptionsError(
            f"cannot use the options: {names}", hint=f"Options are: {known}.", errors=problems
        ) from None


def _message(kind: str, message: str) -> str:
    return "unknown option" if kind == "extra_forbidden" else message.removeprefix("Value error, ")
