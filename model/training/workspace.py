"""The folder of a new adapter: its degradation, its settings, and the results of training.

FOLDER/degradation.py                      degrade() and sample_severity()
FOLDER/adapter.toml                        name, title, rank, licence
FOLDER/README.md                           draft of the model card
FOLDER/weights/adapters/NAME/              the trained adapter
FOLDER/weights/estimator.safetensors       the estimator that knows it
FOLDER/held-out/NAME/{degraded,clean}/     pairs to measure the gain on
FOLDER/run/, FOLDER/run-estimator/         the runs of phases II and III
FOLDER/smoke/                              the same of a smoke run
"""

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from model.config import CLEAN, TITLES, Degradation
from model.degradations import OwnDegradation

RESERVED = frozenset({CLEAN, "auto", "top", "none", "baseline", "estimator", *Degradation})
"""Names that have another meaning."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
SETTINGS = "adapter.toml"
"""Name of the file of settings."""


@dataclass(frozen=True, kw_only=True)
class AdapterSettings:
    """Content of ``adapter.toml``.

    Attributes:
        name: How requests name the adapter; also the name of its degradation.
        title: For people.
        rank: Of its update.
        licence: Terms of the trained weights.
    """

    name: str
    title: str
    rank: int = 4
    licence: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.rank < 1:
            raise ValueError(f"rank must be at least 1, got {self.rank}")


@dataclass(frozen=True)
class Workspace:
    """The folder of a new adapter, read.

    Attributes:
        folder: Where it is.
        settings: What its ``adapter.toml`` says.
        smoke: Whether weights and runs are those of a smoke run.
    """

    folder: Path
    settings: AdapterSettings
    smoke: bool = False

    @property
    def name(self) -> str:
        """Name of the adapter and of its degradation."""
        return self.settings.name

    @property
    def degradation(self) -> OwnDegradation:
        """The degradation of its training pictures."""
        return OwnDegradation(self.name, (self.folder / "degradation.py").resolve())

    @property
    def output(self) -> Path:
        """Folder of all results of training."""
        return self.folder / "smoke" if self.smoke else self.folder

    @property
    def weights(self) -> Path:
        """Folder of the trained adapter and of the estimator, laid out as weights are."""
        return self.output / "weights"

    @property
    def adapter(self) -> Path:
        """Folder of the trained adapter."""
        return self.weights / "adapters" / self.name


def read_workspace(folder: Path, *, smoke: bool = False) -> Workspace:
    """Read a folder that ``abair adapter new`` made.

    Raises:
        ValueError: If it has no settings, or they aren't what they should be.
    """
    path = folder / SETTINGS
    if not path.is_file():
        raise ValueError(f"there is no {path}: create it with `abair adapter new {folder.name}`")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    kinds = {"name": str, "title": str, "rank": int, "licence": str}
    wrong = [key for key, value in given.items() if not isinstance(value, kinds.get(key, ()))]
    missing = {"name", "title"} - given.keys()
    if wrong or missing:
        expected = ", ".join(f"{field.name} ({kinds[field.name].__name__})" for field in _FIELDS)
        raise ValueError(
            f"{path} must contain {expected}; wrong or missing: {sorted({*wrong, *missing})}"
        )
    return Workspace(folder, AdapterSettings(**given), smoke)


def check_name(name: str) -> None:
    """Check that a new adapter may be called ``name``.

    Raises:
        ValueError: If it is no short lower-case word, or means something already.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"a name must start with a letter and have at most 32 lower-case letters, digits, - "
            f"and _, got {name!r}"
        )
    if name in RESERVED:
        raise ValueError(f"{name!r} is reserved: choose another name")


def title_of(name: str) -> str:
    """Return a title for a degradation, for people."""
    return TITLES.get(name, name.replace("_", " ").replace("-", " ").capitalize())


_FIELDS = fields(AdapterSettings)
