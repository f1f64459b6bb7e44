"""What the commands share: weights, examples in their help, complaints instead of tracebacks."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, ParamSpec, TypeVar

import typer

from model.printable import printable

if TYPE_CHECKING:
    from model.restorer import Restorer

P = ParamSpec("P")
T = TypeVar("T")

Weights = Annotated[
    Path | None, typer.Option("--weights", help="Folder of weights; without it the bundled ones.")
]

Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="Where to compute; auto takes a CUDA card where there is one."),
]


def examples(*commands: str, ending: str = "") -> str:
    """Lay out a help text's last part in Markdown: a command a line, then a remark."""
    lines = "\n".join(f"- {command}" for command in commands)
    return f"Examples\n\n{lines}\n\n{ending}".rstrip()


def load(weights: Path | None) -> "Restorer":
    """Load the restorer, or end with its complaint instead of a traceback."""
    import model

    return usage(model.load) if weights is None else usage(model.load, weights)


def need_matplotlib() -> None:
    """End with what to install where matplotlib, of the extra ``train``, is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise typer.BadParameter("curves are drawn by matplotlib: pip install 'abair[train]'")


def usage(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``function``; what it finds wrong with its input is shown as a usage error."""
    try:
        return function(*args, **kwargs)
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(printable(str(error))) from error
