"""Shared parts of the commands: options, examples in the help, and usage errors."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, ParamSpec, TypeVar

import typer

from model.printable import printable

if TYPE_CHECKING:
    from model.restoring.restorer import Restorer

P = ParamSpec("P")
T = TypeVar("T")

Weights = Annotated[
    Path | None, typer.Option("--weights", help="Folder of weights. Default: the bundled ones.")
]

Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="Where to compute; auto uses an NVIDIA GPU if there is one."),
]


def examples(*commands: str, ending: str = "") -> str:
    """Write the end of a help text in Markdown: one command per line, then a remark."""
    lines = "\n".join(f"- {command}" for command in commands)
    return f"Examples\n\n{lines}\n\n{ending}".rstrip()


def load(weights: Path | None) -> "Restorer":
    """Load the restorer; show a fault of the weights as a usage error, not as a traceback."""
    import model

    return usage(model.load) if weights is None else usage(model.load, weights)


def need_matplotlib() -> None:
    """End with a usage error that says what to install if matplotlib is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise typer.BadParameter(
            "the curves need matplotlib, which is missing: run pip install '.[train]'"
        )


def usage(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``function``, and turn a ``ValueError`` or a missing file into a usage error."""
    try:
        return function(*args, **kwargs)
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(printable(str(error))) from error
